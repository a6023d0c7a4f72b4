#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# with_server.sh ENCLAVE BACKEND PROGRAM...: with an `enclave serve` whose sandboxes live in BACKEND, and which lets callers ask
# for all that sandboxes can have. $ENCLAVE_SERVED_SECTION names a file with the section [backend http-remote] that leads
# there, $ENCLAVE_CONFIG a whole INI file. Exit code 77: BACKEND does not work here.
set -euo pipefail
enclave=$1 backend=$2
shift 2
tree=$(mktemp -d)
server=
end() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } || true
    rm -rf "$tree"
}
trap end EXIT

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

printf '[enclave]\nbackend = %s\n' "$backend" >"$tree/server.ini"
if ! ENCLAVE_CONFIG=$tree/server.ini "$enclave" doctor >"$tree/doctor"; then
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *",$backend,"* | *,all,*) cat "$tree/doctor"; fail "$backend does not work here" ;;
    esac
    echo "skipped: $backend does not work here"
    exit 77
fi
printf '[server]\n' >>"$tree/server.ini"
for one in network host_network extra_hosts ports volumes privileged user runtime writable_root; do
    printf 'allow_%s = true\n' "$one" >>"$tree/server.ini"
done
printf '[backend http-remote]\nbase_url = unix:%s/socket\n' "$tree" >"$tree/section.ini"
{ printf '[enclave]\nbackend = http-remote\n\n[sandbox]\ntimeout = 60\n\n'; cat "$tree/section.ini"; } >"$tree/client.ini"

mkfifo "$tree/log"
"$enclave" serve --config "$tree/server.ini" --listen "unix:$tree/socket" >"$tree/log" 2>&1 &
server=$!
exec 3<"$tree/log"
while read -r line <&3; do
    echo "server: $line"
    case $line in *' serves '*) break ;; esac
done
kill -0 "$server" || fail 'the server has ended'
{ grep -v ' info ' <&3 >&2 || true; } & # what else it says
export ENCLAVE_SERVED_SECTION=$tree/section.ini ENCLAVE_CONFIG=$tree/client.ini
"$@"
