#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# as_user.sh PROGRAM: run it as a user with no name, no groups, no capability and no home, when started by root. Anybody
# else is an ordinary user already.
set -eu
if [ "$(id -u)" -ne 0 ]; then
    echo "skipped: not root, so $1 has run as an ordinary user by itself"
    exit 77
fi
uid=$((600000 + $$))
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all env -u XDG_RUNTIME_DIR HOME=/nonexistent "$@"
