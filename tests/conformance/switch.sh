#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# switch.sh PROGRAM FOLDER BACKEND...: one program, not changed, prints FOLDER/switch.txt with FOLDER/BACKEND.ini of each
# backend, and the files differ in one line. Where the server of http-remote is, with_server.sh says; all files are told. Exit
# code 77: one does not work here.
set -euo pipefail
program=$1 folder=$2
shift 2
code=0
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

for backend in "$@"; do
    cmp -s <(sed "s/^backend = .*/backend = $backend/" "$folder/docker.ini") "$folder/$backend.ini" ||
        fail "$backend.ini differs from docker.ini in more than the line that names the backend"
    got=0
    { cat "$folder/$backend.ini"; cat "${ENCLAVE_SERVED_SECTION:-/dev/null}"; } >"$tree/$backend.ini"
    out=$(ENCLAVE_CONFIG=$tree/$backend.ini "$program") || got=$?
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *",$backend,"* | *,all,*) required=1 ;;
    *) required=0 ;;
    esac
    if [ "$got" = 77 ] && [ "$required" = 0 ]; then
        code=77
        continue
    fi
    [ "$got" = 0 ] || fail "with $backend it exits with $got"
    diff <(printf '%s\n' "$out") "$folder/switch.txt" || fail "with $backend it prints something else"
    echo "$backend: as the others"
done
exit $code
