#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# null.sh PROGRAM PLUGIN_FOLDER FIXTURE_FOLDER: a backend that only pretends fails, case by case, and the suite gets to its
# end. Also: what exit codes say.
set -euo pipefail
program=$1
export ENCLAVE_PLUGIN_PATH=$2:$3
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
printf '[plugins]\nbackends = null\n' >"$tree/null.ini"

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# exits WANTED ARGUMENTS...
exits() {
    local wanted=$1 got=0
    shift
    "$program" "$@" >"$tree/out" 2>"$tree/err" || got=$?
    [ "$got" = "$wanted" ] || { tail -n 20 "$tree/out" "$tree/err"; fail "$* exits with $got, not $wanted"; }
}

exits 1 --backend null --config "$tree/null.ini"
plan=$(sed -n 's/^1\.\.//p' "$tree/out")
lines=$(grep -cE '^(not )?ok [0-9]+ - ' "$tree/out")
failed=$(grep -c '^not ok' "$tree/out")
[ "$plan" = "$lines" ] || fail "$lines lines for $plan cases"
[ "$failed" -ge $((plan * 3 / 4)) ] || fail "only $failed of $plan cases fail"
# What it claims to enforce and does not; what it does not claim is refused by the core, as it should be.
for one in limits.memory limits.cpu limits.pids limits.tmpfs isolation.network_off isolation.seccomp isolation.own_files; do
    grep -q "^not ok [0-9]* - $one\$" "$tree/out" || fail "$one does not fail"
done
grep -q '^ok [0-9]* - isolation.read_only_root' "$tree/out" || fail 'what is not claimed and refused fails'

exits 0 --list
[ "$(wc -l <"$tree/out")" = "$plan" ] || fail '--list does not list what is run'
exits 0 --list --only 'limits.*'
exits 0 --help
exits 0 --backend null --config "$tree/null.ini" --only lifecycle.create_cancelled
exits 2
exits 2 --backend
exits 2 --backend null --config "$tree/none.ini"
exits 2 --backend no-such-backend --config "$tree/null.ini"
exits 2 --backend null --only no-such-case
exits 2 --backend null --jobs 0
exits 2 --backend null operand
echo "$failed of $plan cases fail, as they should"
