#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh ENCLAVE - `enclave run` with real Docker: output, exit codes, signals, nothing left behind.
. "$(dirname "$0")/common.sh"

socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${socket#unix://}

ask_docker() { curl -sf --max-time 20 --unix-socket "$socket" "http://docker$1"; }

if ! ask_docker /_ping >/dev/null; then
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,docker,* | *,all,*) echo 'not ok: Docker is required and does not answer' && exit 1 ;;
    esac
    echo 'skipped: Docker does not answer' && exit 77
fi
printf '[enclave]\nbackend = docker\n' >"$ENCLAVE_CONFIG"

# Containers of the processes that this test has started; other tests may have theirs.
leftovers() {
    ask_docker '/containers/json?all=1&filters=%7B%22label%22%3A%5B%22io.enclave.version%22%5D%7D' |
        "$PYTHON" -c 'import json, sys
for container in json.load(sys.stdin):
    if container["Labels"].get("io.enclave.owner.pid") in sys.argv[1:]:
        print(container["Id"][:12], container["State"])' "${pids[@]}"
}

# The engine may take a moment to forget a container that is gone.
nothing_left() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        left=$(leftovers) || return 1
        [ -n "$left" ] || return 0
        sleep 0.2
    done
    echo "left behind: $left"
    return 1
}

shell() { run run --tool shell_executor "$@"; }

# ----------------------------------------------------------------------------------- the main thread

run run 'print(40 + 2)'
exits 0
prints 42
says_nothing
run --backend docker run 'print(40 + 2)'
exits 0
prints 42
printf 'import sys\nprint("from a file")\nprint("oops", file=sys.stderr)\nsys.exit(3)\n' >"$tree/code.py"
run run -f "$tree/code.py"
exits 3
prints 'from a file'
check 'stderr goes to stderr, and nothing with it' [ "$(cat "$tree/err")" = oops ]
INPUT=$tree/code.py run run -
exits 3
prints 'from a file'
printf 'one two' >"$tree/data"
INPUT=$tree/data run run --stdin 'print(len(input().split()))'
exits 0
prints 2
printf 'x = "\xc3\xa9\\n\t\x27"\nprint(x, end="")' >"$tree/bytes.py"
run run -f "$tree/bytes.py"
check 'code arrives byte by byte' [ "$(od -An -c "$tree/out" | tr -d ' ')" = "$(printf '\xc3\xa9\n\t\x27' | od -An -c | tr -d ' ')" ]
run run -- '-1; print("dash")'
prints dash
run run --env A='b c' --env HOME='/x=y' 'import os; print(os.environ["A"], os.environ["HOME"])'
prints 'b c /x=y'
run run --param code='print(7)' --param timeout=9
prints 7

# ----------------------------------------------------------------------------------------- exit codes

shell 'echo out; exit 7'
exits 7
prints out
shell 'exit 124'
exits 124
says_nothing
shell 'kill -9 $$'
exits 137
shell 'kill -TERM $$'
exits 143
shell --json 'kill -9 $$'
exits 137
field 'r["signal"], r["cause"]' "(9, 'signaled')"
run run 'raise SystemExit(300)'
exits 44
run run ''
exits 1
says '^enclave: python_executor: No code provided$'
run run --tool file_operation --param file_path=/sandbox/none read
exits 1
says_one_line
run run --tool file_operation --param file_path=/sandbox exists
exits 0
check 'the tool speaks through stdout' grep -qx exists "$tree/out"

# --------------------------------------------------------------------------------------------- limits

begin=$EPOCHREALTIME
run run --timeout 3 'print("before", flush=True)
while True: pass'
took=$((${EPOCHREALTIME/./} - ${begin/./}))
exits 124
prints before
says_one_line
says '^enclave: timed out after 3 s$'
check "ends in time, not after $took us" [ "$took" -lt 12000000 ]
run run --timeout 2 --json 'import time; print("before", flush=True); time.sleep(60)'
exits 124
says_nothing
field 'r["status"], r["cause"], r["output"]' "('timeout', 'timeout', 'before\\n')"
run run --memory 64m 'x = bytearray(3 << 30); print(len(x))'
case $(cat "$tree/err") in
*MemoryError*) : ;; # the allocation itself was refused
*) exits 137 && says 'out of memory \(limit 64m\)' ;;
esac
run run --memory 64m --json 'x = []
while True: x.append(bytearray(b"x" * (1 << 20)))'
exits 137
field 'r["cause"]' oom

# what is left behind and holds the output holds the execution, and that is said
run run --tool shell_executor --timeout 2 'sleep 50 & echo begun'
exits 124
prints begun
says 'timed out after 2 s: it had ended, but a process that it left behind held its output'
run run --tool shell_executor 'sleep 50 >/dev/null 2>&1 & echo left'
exits 0
prints left

# no result: JSON says why
run run --json --memory 1 'print(1)'
exits 125
is_json
field 'r["error"]["code"]' invalid
says_one_line

# --json prints the result and nothing else, on one line
run run --json 'print("é", end="")'
exits 0
says_nothing
check 'one line' [ "$(wc -l <"$tree/out")" -eq 1 ]
field 'r["status"], r["output"], r["tool_name"]' "('success', 'é', 'python_executor')"

# ------------------------------------------------------------------------------ interrupts and pipes

# interrupted SIGNAL CODE ARGUMENT...: send a signal once the program runs.
interrupted() {
    local signal=$1 wanted=$2
    shift 2
    last="enclave $* (SIG$signal)"
    mkfifo "$tree/fifo"
    "$ENCLAVE" "$@" >"$tree/fifo" 2>"$tree/err" </dev/null &
    pid=$!
    pids+=("$pid")
    exec 9<"$tree/fifo"
    read -r -t 20 line <&9
    kill -s "$signal" "$pid"
    wait "$pid"
    code=$?
    exec 9<&-
    rm -f "$tree/fifo" "$tree/out"
    check 'the program had begun' [ "$line" = begun ]
    exits "$wanted"
    says_nothing
    check 'leaves nothing behind' nothing_left
}
interrupted INT 130 run --timeout 60 'import time; print("begun", flush=True); time.sleep(60)'
interrupted TERM 143 run --timeout 60 'import time; print("begun", flush=True); time.sleep(60)'
interrupted HUP 129 run --timeout 60 'import time; print("begun", flush=True); time.sleep(60)'
# while its output is not being read
interrupted INT 130 run --tool shell_executor --timeout 60 'echo begun; yes'

# before there is a sandbox, or while it is being made
for delay in 0.01 0.05 0.1 0.2; do
    # A shell's background jobs ignore SIGINT until the command sees to it; here it comes before that.
    env --default-signal=INT "$ENCLAVE" run 'import time; time.sleep(60)' >"$tree/out" 2>"$tree/err" </dev/null &
    pid=$!
    pids+=("$pid")
    sleep "$delay"
    kill -INT "$pid"
    wait "$pid"
    code=$? last="SIGINT after $delay s"
    exits 130
    says_nothing
done

last='a reader that goes away'
{
    "$ENCLAVE" run --tool shell_executor --timeout 60 yes 2>"$tree/err" </dev/null
    echo "$?" >"$tree/code"
} | head -n 1 >"$tree/out"
code=$(cat "$tree/code")
exits 141
prints y
says_nothing
"$ENCLAVE" run 'print(1)' >/dev/full 2>"$tree/err" </dev/null
code=$? last='output to a full device'
exits 125
says_one_line

# ------------------------------------------------------------------------------------------ bad input

refused 'no_such_tool' run --tool no_such_tool x
refused 'enclave-test/no-such-image' run --image enclave-test/no-such-image:none 'print(1)'
refused "'x' is not an integer" run --param timeout=x 'print(1)'
refused 'no_such_param' run --param no_such_param=1 'print(1)'
refused "file_path|No file path" run --tool file_operation --param content=x write
refused '/no/such/folder' run --volume /no/such/folder:/data 'print(1)'
refused 'no_such_backend' run --backend no_such_backend 'print(1)'
printf '[enclave]\nbackend = docker\nno_such_key = 1\n' >"$tree/bad.ini"
refused 'bad.ini:3.*no_such_key' run --config "$tree/bad.ini" 'print(1)'
printf '[enclave]\nbackend = docker\n[plugins]\nbackends = docker, no_such_plugin\n' >"$tree/missing.ini"
refused 'no_such_plugin' run --config "$tree/missing.ini" 'print(1)'
DOCKER_HOST=unix://$tree/no.sock refused 'no.sock' run 'print(1)'
DOCKER_HOST=unix://$tree/no.sock run doctor
exits 1
check 'doctor says why' grep -Eq '^not ok +backend docker: .*no.sock' "$tree/out"

run doctor
exits 0
check 'doctor says who makes sandboxes' grep -Eq '^ok +sandboxes: made by docker, as configured' "$tree/out"
check 'doctor finds Docker' grep -Eq '^ok +backend docker: ' "$tree/out"
run doctor --json
is_json

# ------------------------------------------------------------------------------------ -v, and the end

run run -v 'print(1)'
prints 1
says 'backend docker \(backend = docker, from .*empty.ini:2\)'
says 'created in'
says 'deleted in'
check 'leaves nothing behind' nothing_left

finish
