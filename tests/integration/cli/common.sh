# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# common.sh ENCLAVE - sourced by the tests of this folder: runs the command, compares, counts.
#
# Owns: a temporary folder with an empty configuration, so that the user's own is not in the way.

set -u
ENCLAVE=$1
PYTHON=/usr/bin/python3
tree=$(mktemp -d "${TMPDIR:-/tmp}/enclave-cli.XXXXXX")
trap 'rm -rf "$tree"' EXIT
: >"$tree/empty.ini"
export ENCLAVE_CONFIG=$tree/empty.ini
checks=0
failures=0
pids=()

# run ARGUMENT...: run the command; its exit code is in $code, its output in $tree/out and $tree/err.
run() {
    last="enclave $*"
    "$ENCLAVE" "$@" >"$tree/out" 2>"$tree/err" <"${INPUT:-/dev/null}" &
    pid=$!
    pids+=("$pid")
    wait "$pid"
    code=$?
}

# check DESCRIPTION COMMAND...: one check; what the command last printed is shown when it fails.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then
        return 0
    fi
    failures=$((failures + 1))
    printf 'not ok: %s\n  %s\n  exit code %s\n' "$what" "$last" "$code"
    [ ! -e "$tree/out" ] || head -c 1000 "$tree/out" | sed 's/^/  stdout: /'
    [ ! -e "$tree/err" ] || head -c 1000 "$tree/err" | sed 's/^/  stderr: /'
    return 1
}

# The exit code; what is on stdout, whole; a pattern on stderr; that stderr is one line, or empty.
exits() { check "exits with $1" [ "$code" -eq "$1" ]; }
prints() { check "prints '$1'" [ "$(cat "$tree/out")" = "$1" ]; }
says() { check "says '$1'" grep -Eq -- "$1" "$tree/err"; }
says_nothing() { check 'says nothing' [ ! -s "$tree/err" ]; }
says_one_line() {
    check 'says one line' [ "$(wc -l <"$tree/err")" -eq 1 ]
    check 'the line is printable' is_printable "$tree/err"
}
is_printable() { ! LC_ALL=C grep -q '[[:cntrl:]]' "$1"; }
is_json() { check 'prints JSON' "$PYTHON" -m json.tool "$tree/out" /dev/null; }

# field EXPRESSION VALUE: what was printed is JSON, and the Python expression on it, `r`, has a value.
field() {
    check "$1 is $2" [ "$("$PYTHON" -c 'import json, sys
r = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$tree/out" "$1" 2>&1)" = "$2" ]
}

# refused PATTERN ARGUMENT...: one clear line that matches, exit code 125, nothing on stdout.
refused() {
    local pattern=$1
    shift
    run "$@"
    exits 125
    prints ''
    says_one_line
    says "^enclave: .*$pattern"
}

finish() {
    printf '%d checks, %d failures\n' "$checks" "$failures"
    [ "$failures" -eq 0 ]
    exit
}
