#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# user.sh ENCLAVE - the command as an ordinary user, with that user's own Podman, found where users have it.
set -u
enclave=$1
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

ask "$rootless" /_ping >/dev/null || skip "nothing answers on '$rootless'"
[ "$(id -u)" -eq 0 ] || skip 'only root can become the user whose Podman that is'
user=$(stat -c %U "$(dirname "$rootless")")
[ "$user" != root ] || skip "'$rootless' is root's"

# As the user's session has it.
mkdir -p "$tree/runtime/podman"
ln -s "$rootless" "$tree/runtime/podman/podman.sock"
chmod 711 "$tree"
: >"$tree/empty.ini"
chown -R "$user" "$tree/runtime"
as_user() {
    setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="$tree" PATH=/usr/bin:/bin \
        XDG_RUNTIME_DIR="$tree/runtime" ENCLAVE_PLUGIN_PATH="$ENCLAVE_PLUGIN_PATH" ENCLAVE_CONFIG="$tree/empty.ini" \
        "$@" >"$tree/out" 2>"$tree/err" </dev/null
}
as_user test -x "$enclave" || skip "the user $user cannot run '$enclave'"
chown "$user" "$rootless" # the tests' user has been given it

as_user "$enclave" run --backend podman 'import os; print(40 + 2, os.getuid() < 65536)' || fail 'it runs'
[ "$(cat "$tree/out")" = '42 True' ] || fail 'it prints'
# No Docker is to be had: the first that works is Podman.
as_user env DOCKER_HOST=unix:///nonexistent "$enclave" run -v 'print(1)' || fail 'it is found'
grep -q 'backend podman' "$tree/err" || fail 'it is Podman'
as_user "$enclave" run --backend podman --memory 64m 'print(1)'
code=$?
if grep -q 'memory_limit' "$tree/err"; then
    [ $code -eq 125 ] || fail 'a limit that cannot be enforced is refused'
else
    [ $code -eq 0 ] || fail 'a limit is taken'
fi

# Without the socket it is said what to start.
as_user env XDG_RUNTIME_DIR=/nonexistent "$enclave" run --backend podman 'print(1)' && fail 'nothing to run in'
grep -q "/podman/podman.sock: .*systemctl --user start podman.socket" "$tree/err" || fail 'it says what to start'
echo ok
