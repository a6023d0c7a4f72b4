#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# engine-killed.sh ENCLAVE - SIGKILL of Podman's service in the middle of an execution: whoever waits learns of it at once, and the
# container ends without it. The service is one of its own, on the storage of the tests' Podman, which answers afterwards.
set -u
enclave=$1
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

dir=$(dirname "$rootful")
ask "$rootful" /_ping >/dev/null || skip "nothing answers on '$rootful'"
if [ "$(id -u)" -ne 0 ] || [ ! -e "$dir/containers.conf" ]; then
    skip "'$dir' is not ours"
fi

CONTAINERS_CONF=$dir/containers.conf XDG_RUNTIME_DIR=$dir/run podman --storage-driver overlay --root "$dir/data" --runroot "$dir/run" \
    --tmpdir "$dir/run/libpod" --log-level error system service -t 0 "unix://$tree/socket" >"$tree/log" 2>&1 &
service=$!
trap 'kill -KILL $service 2>/dev/null; rm -rf "$tree"' EXIT

# until_ok SECONDS COMMAND...: again and again.
until_ok() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}
until_ok 20 ask "$tree/socket" /_ping >/dev/null || fail 'a second service starts'

instance=killed-$$
cat >"$tree/enclave.ini" <<EOF
[enclave]
backend = podman
instance = $instance
[backend podman]
host = unix://$tree/socket
EOF
"$enclave" run -c "$tree/enclave.ini" 'import time; print("up", flush=True); time.sleep(300)' >"$tree/out" 2>"$tree/err" &
run=$!
until_ok 30 grep -q up "$tree/out" || fail 'the sandbox runs'
kill -KILL $service
wait $run
code=$?
[ $code -eq 125 ] || fail "enclave exits with 125, not $code"
grep -q 'went away' "$tree/err" || fail 'it says that the sandbox went away'

empty() {
    [ "$(ask "$rootful" "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22io.enclave.instance%3D$instance%22%5D%7D")" = '[]' ]
}
until_ok 15 empty || fail 'the container ends and is removed'
echo ok
