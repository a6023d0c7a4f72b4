#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# readme-serve.sh ENCLAVE SOURCE_FOLDER: the lines that README.md has below "Serve it" run as they stand, one after the
# other, but for the port, which may be somebody else's here. Exit code 77: no backend works here.
set -euo pipefail
enclave=$1
cd "$2"
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

export HOME=$tree
unset ENCLAVE_CONFIG ENCLAVE_SERVER ENCLAVE_KEY_FILE XDG_CONFIG_HOME
if ! "$enclave" doctor >"$tree/out" 2>&1; then
    cat "$tree/out"
    [ -z "${ENCLAVE_TEST_REQUIRE:-}" ] || fail 'no backend works here'
    exit 77
fi

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
awk '/^## / { serve = /Serve it/ } /^```/ { inside = serve && /^```sh$/; next } inside' README.md |
    sed "s|build/bin/enclave|$enclave|; s|serve &|serve --listen 127.0.0.1:8000 \&|; s|:8000|:$port|g" >"$tree/lines"
[ "$(grep -c 'enclave' "$tree/lines")" -ge 6 ] || fail 'README.md shows no lines to serve with'

# The server goes with the shell that started it, whatever became of the lines.
code=0
bash -ec 'trap "kill %1 && wait" EXIT; . "$1"' - "$tree/lines" >"$tree/out" 2>"$tree/log" || code=$?
[ "$code" = 0 ] || { cat "$tree/log" "$tree/out"; fail "the lines exit with $code"; }
grep -qF '"output":"42\n"' "$tree/out" && grep -qx 42 "$tree/out" || { cat "$tree/out"; fail 'they do not print 42 twice'; }
