#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# client.sh ENCLAVE - the verbs for sandboxes of a server, with `enclave serve`, bubblewrap behind it, and a hostile server.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

socket=$tree/serve.sock
server=unix:$socket
servers=()
stop_servers() {
    for process in "${servers[@]}"; do
        kill "$process" 2>/dev/null && wait "$process"
    done
}
trap 'stop_servers; rm -rf "$tree"' EXIT

# ----------------------------------------------------------------------------------- without a server

# Nobody has to be there for these: what is missing is said, and what to do.
printf '[enclave]\nbackend = bubblewrap\n' >"$ENCLAVE_CONFIG"
for arguments in create ps stats 'exec box 1' 'info box' 'tools box' 'stop box' 'rm box' 'rm -f box' 'rm --all' \
    'cp /etc/hostname box:' 'cp box:x .'; do
    # shellcheck disable=SC2086
    refused "${arguments%% *} needs a server: .*enclave serve.*--server.*http-remote" $arguments
done
printf '[backend http-remote]\nretry_timeout = 0\n' >"$tree/impatient.ini"
refused 'cannot reach the server.*enclave serve.*--server, or base_url' -c "$tree/impatient.ini" --server "unix:$tree/none.sock" ps
refused 'both --server and --backend docker' --server "$server" --backend docker ps
for verb in ps create 'exec box 1' 'run 1'; do
    # shellcheck disable=SC2086
    refused "--key-file '/nonexistent': No such file" --server "$server" --key-file /nonexistent $verb
done
refused "--key-file '/nonexistent': No such file" --key-file /nonexistent ps
ENCLAVE_SERVER=$server ENCLAVE_KEY_FILE=/nonexistent refused "ENCLAVE_KEY_FILE '/nonexistent': No such file" ps
run --server "$server" --key-file /nonexistent --json ps
exits 125
says_one_line
field 'r["error"]["message"]' "--key-file '/nonexistent': No such file or directory"
refused "--server 'garbage': expected http://HOST:PORT.* or unix:PATH" --server garbage ps
refused "--server 'garbage': expected" --server garbage create
ENCLAVE_SERVER=garbage refused "ENCLAVE_SERVER 'garbage': expected" ps
for verb in create ps; do
    ENCLAVE_SERVER=$server refused "$verb needs a server.*--backend bubblewrap.*leave it out.*create --type" $verb -b bubblewrap
done
refused 'both --server and --backend bubblewrap.*create --type' --server "$server" -b bubblewrap create
refused 'the URL is empty' --server '' ps
refused 'no sandbox given.*enclave ps' exec
refused 'no sandbox given' stop
refused 'no sandbox given' rm
refused 'give one of them' rm --all x
refused 'no sandbox given' info
refused 'unexpected argument' tools a b
refused 'no code given.*enclave exec --help' exec box
refused "none of initializing, running" ps --status sleeping
refused 'needs two places' cp a:b
refused 'both places are local' cp a b
refused 'both places are local' cp ./a:b c
refused 'both places are in sandboxes' cp a:b c:d

# -------------------------------------------------------------------------------------------- a server

"$ENCLAVE" --backend bubblewrap run 'print(1)' >/dev/null 2>"$tree/why" </dev/null || {
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,bubblewrap,* | *,all,*) echo "not ok: bubblewrap is required: $(cat "$tree/why")" && exit 1 ;;
    esac
    echo "skipped: no bubblewrap here: $(cat "$tree/why")" && exit 77
}
printf %032d 1 >"$tree/ann"
printf %032d 2 >"$tree/bob"
printf 'ann %s\nbob %s\n' "$(cat "$tree/ann")" "$(cat "$tree/bob")" >"$tree/keys"
chmod 600 "$tree/keys" "$tree/ann" "$tree/bob"
printf '[enclave]\nbackend = bubblewrap\n[server]\nlisten = %s\napi_key_file = %s\nstop_timeout = 0.5\n' \
    "$server" "$tree/keys" >"$tree/serve.ini"
mkfifo "$tree/log"
"$ENCLAVE" --config "$tree/serve.ini" serve 2>"$tree/log" </dev/null >&2 &
servers+=($!)
exec 8<"$tree/log"
read -r -t 60 line <&8
grep -q ' serves ' <<<"$line" || { echo "not ok: no server: $line" && exit 1; }
cat <&8 >"$tree/serve.log" &
printf '[enclave]\nbackend = http-remote\n[backend http-remote]\nbase_url = %s\napi_key_file = %s\n' \
    "$server" "$tree/ann" >"$ENCLAVE_CONFIG"

# ----------------------------------------------------------------------------------- create, look, remove

run ps
exits 0
check 'an empty list has headings' grep -Eq '^ID +STATUS +TYPE +IMAGE +AGE +OWNER$' "$tree/out"
run create -q
exits 0
says_nothing
box=$(cat "$tree/out")
check 'the id and nothing else' grep -Eqx '[a-z0-9]{8}' "$tree/out"
run create --id abc1 --timeout 2 --env GREETING=hello --memory 256m
prints abc1
run create --id abc2 --json --tool shell_executor --type bubblewrap
is_json
field 'r["sandbox_id"]' abc2
refused "abc1" create --id abc1
refused "no_such_tool" create --tool no_such_tool
refused 'allow_network' create --network

# Backends that are not used are not loaded, so it is not noticed that one of them is none.
mkdir -m 755 "$tree/plugins"
printf 'not a plugin' >"$tree/plugins/backend-garbage.so"
chmod 644 "$tree/plugins/backend-garbage.so"
ENCLAVE_PLUGIN_PATH=$ENCLAVE_PLUGIN_PATH:$tree/plugins run create --id quick
exits 0
says_nothing
ENCLAVE_PLUGIN_PATH=$ENCLAVE_PLUGIN_PATH:$tree/plugins run rm -f quick
says_nothing
ENCLAVE_PLUGIN_PATH=$ENCLAVE_PLUGIN_PATH:$tree/plugins run plugins
check 'but when it is looked at' grep -Eq '^backend +garbage .*refused' "$tree/out"

run ps
check 'a row' grep -Eq "^$box +running +bubblewrap +[^ ]+ +[0-9]+[smh] +ann$" "$tree/out"
run ps -q
check 'three ids, oldest first' [ "$(tr '\n' ' ' <"$tree/out")" = "$box abc1 abc2 " ]
run ps --json
is_json
field 'len(r)' 3
run --key-file "$tree/bob" --server "$server" ps -q
exits 0
prints ''
run --server "$server" ps # without its key: that of the configuration is not for a server named otherwise
exits 125
says 'wants a key: give --key-file'
ENCLAVE_SERVER=$server ENCLAVE_KEY_FILE=$tree/ann run ps -q
check 'the environment names the server' grep -qx abc1 "$tree/out"

run info abc1
exits 0
check 'facts' grep -Eq '^config.memory_limit +256m$' "$tree/out"
run info abc1 --json
is_json
field 'r["id"], r["config"]["timeout"], r["metadata"]["remote_owner"]' "('abc1', 2, 'ann')"
run tools abc2
check 'tools with parameters' grep -Eq '^shell_executor +command \[timeout\] ' "$tree/out"
check 'only its own' [ "$(wc -l <"$tree/out")" -eq 2 ]
run tools abc2 --json
is_json
field 'list(r)' "['shell_executor']"

# an id by its beginning
run info "${box:0:7}" --json
field 'r["id"]' "$box"
refused "'abc' is the beginning of several ids: abc1, abc2" info abc
refused "exec: no sandbox 'zzz'" exec zzz 1
refused "no sandbox ''" exec '' 1

# ---------------------------------------------------------------------------------------------- exec

run exec "$box" 'print(40 + 2)'
exits 0
prints 42
says_nothing
run exec abc1 'import os, sys; print(os.environ["GREETING"]); print("oops", file=sys.stderr); sys.exit(3)'
exits 3
prints hello
check 'stderr is stderr' [ "$(cat "$tree/err")" = oops ]
run exec abc1 -t shell_executor 'kill -9 $$'
exits 137
run exec abc1 'import time; print("before", flush=True); time.sleep(60)'
exits 124
prints before
says '^enclave: timed out after 2 s$'
run exec --timeout 1 "$box" 'while True: pass'
exits 124
says '^enclave: timed out after 1 s$'
printf 'one two' >"$tree/data"
INPUT=$tree/data run exec -i "$box" 'print(len(input().split()))'
prints 2
printf 'print("from stdin")' >"$tree/code.py"
INPUT=$tree/code.py run exec "$box" -
prints 'from stdin'
run exec "$box" -f "$tree/code.py"
prints 'from stdin'
run exec "$box" --json 'print("é", end="")'
exits 0
is_json
field 'r["status"], r["output"], r["cause"]' "('success', 'é', 'exited')"
run exec "$box" --json -t shell_executor 'exit 4'
exits 4
run exec abc2 --json 'print(1)'
exits 125
field 'r["error"]["code"]' notfound
run exec "$box" -t file_operation -p file_path=/sandbox exists
prints exists
run exec "$box" ''
exits 1
says '^enclave: python_executor: No code provided$'
run exec -v "$box" 'print(1)'
says 'ran for .* cause exited'

# interrupted COUNT CODE... : so many SIGINTs once the program runs
begin() {
    mkfifo "$tree/fifo"
    "$ENCLAVE" "$@" >"$tree/fifo" 2>"$tree/err" </dev/null &
    pid=$!
    exec 9<"$tree/fifo"
    read -r -t 20 line <&9
    last="enclave $*"
}
end() {
    wait "$pid"
    code=$?
    exec 9<&-
    rm -f "$tree/fifo" "$tree/out"
    check 'the program had begun' [ "$line" = begun ]
}
begin exec "$box" --timeout 60 'import time; print("begun", flush=True); time.sleep(60)'
kill -INT "$pid"
end
exits 130
says_nothing
begin exec "$box" -t shell_executor --timeout 60 'echo begun; yes' # nobody reads on
kill -INT "$pid"
end
exits 130
# What was cancelled ends, and the sandbox goes on.
run exec "$box" -t shell_executor 'for i in 1 2 3 4 5 6 7 8 9 10; do pgrep yes >/dev/null || break; sleep 0.2; done; pgrep -c "yes|sleep"'
prints 0

last='a reader that goes away'
{
    "$ENCLAVE" exec "$box" -t shell_executor --timeout 60 yes 2>"$tree/err" </dev/null
    echo "$?" >"$tree/code"
} | head -n 1 >"$tree/out"
code=$(cat "$tree/code")
exits 141
prints y
says_nothing

# A server that is stopped is not one that waits: the second SIGINT does not either.
kill -STOP "${servers[0]}"
"$ENCLAVE" exec "$box" 'print(1)' >"$tree/out" 2>"$tree/err" </dev/null &
pid=$!
last='two signals'
until grep -q SigBlk:.*4003$ "/proc/$pid/status" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -INT "$pid"
sleep 0.3
kill -INT "$pid" 2>/dev/null
wait "$pid"
code=$?
kill -CONT "${servers[0]}"
exits 130

# ---------------------------------------------------------------------------------------------- files

mkdir -p "$tree/up/sub" "$tree/down"
printf 'hello\n' >"$tree/up/sub/file"
printf 'é b' >"$tree/up/name with space"
chmod 755 "$tree/up/sub/file"
ln -s sub/file "$tree/up/link"
cd "$tree/down" || exit 1
list() { (cd "$1" && find . -mindepth 1 -printf '%P %y %l\n' | LC_ALL=C sort); }
inside() { "$ENCLAVE" exec abc2 -t shell_executor "$1" 2>&1; }

run cp "$tree/data" abc2:
exits 0
says_nothing
check 'a file into the working directory' [ "$(inside 'cat data')" = 'one two' ]
run cp "$tree/up/sub/file" abc2:renamed
check 'a file under a name, with its mode' [ "$(inside 'stat -c %a renamed; cat renamed')" = '755
hello' ]
refused "no folder 'none/' in the sandbox" cp "$tree/data" abc2:none/
run cp "$tree/data" abc2:renamed
check 'a file in place of another' [ "$(inside 'cat renamed')" = 'one two' ]
run cp "$tree/up" abc2:new
check 'a folder under a new name' [ "$(inside 'ls new/sub')" = file ]
run cp "$tree/up" abc2:new
check 'a folder into one that is there' [ "$(inside 'ls new/up/sub')" = file ]
run cp "$tree/up/." abc2:/sandbox/flat/
run cp "$tree/up/." abc2:/sandbox/flat
check 'what is in a folder' [ "$(inside 'ls flat | tr "\n" " "')" = 'link name with space sub ' ]
refused 'is not a folder' cp "$tree/up" abc2:renamed
refused "none': No such file" cp "$tree/none" abc2:

run cp abc2:flat .
exits 0
check 'a folder comes back as it went' [ "$(list "$tree/up")" = "$(list flat)" ]
check 'with the content' cmp -s "$tree/up/name with space" 'flat/name with space'
check 'and the mode' [ -x flat/sub/file ]
run cp abc2:flat other
check 'under a new name' [ "$(list "$tree/up")" = "$(list other)" ]
run cp abc2:flat/. "$tree/down/other"
check 'what is in it, onto what is there' [ "$(list "$tree/up")" = "$(list other)" ]
run cp abc2:data renamed
check 'a file under a name' [ "$(cat renamed)" = 'one two' ]
run cp abc2:/sandbox/data .
check 'a file into a folder' [ "$(cat data)" = 'one two' ]
inside 'mkdir -p .hidden && echo x >.hidden/file && ln -s .hidden named && ln -s .hidden/file named.txt && ln -s none dangling' >/dev/null
run cp abc2:named .
run cp abc2:named.txt .
check 'what links lead to, under their names' [ "$(cat named/file named.txt && ls -d .hidden file 2>/dev/null)" = 'x
x' ]
refused 'dangling' cp abc2:dangling .
refused 'no such folder' cp abc2:data none/
refused 'not a folder' cp abc2:flat data
refused "none" cp abc2:none .
refused 'none' cp abc2:data none/none
ln -s "$tree/up" elsewhere
run cp abc2:data elsewhere
check 'the user may lead through a link' [ -f "$tree/up/data" ]
rm "$tree/up/data"
tar -C "$tree/up" -c . >"$tree/tar"
INPUT=$tree/tar run cp - abc2:renamed/
exits 125
inside 'mkdir unpacked' >/dev/null
INPUT=$tree/tar run cp - abc2:unpacked
exits 0
run cp abc2:unpacked -
check 'an archive' [ "$(tar tf "$tree/out" | grep -c .)" -ge 5 ]
inside 'head -c 3000000 /dev/urandom >big; sha256sum big' | cut -c1-64 >"$tree/sum"
run cp abc2:big .
check 'a larger file' [ "$(sha256sum big | cut -c1-64)" = "$(cat "$tree/sum")" ]
"$ENCLAVE" cp abc2:big - 2>"$tree/err" | head -c 1 >/dev/null
code=${PIPESTATUS[0]} last='cp to a reader that goes away'
exits 141
says_nothing
"$ENCLAVE" cp abc2:big - >/dev/full 2>"$tree/err"
code=$? last='cp to a full device'
exits 125
says_one_line

# --------------------------------------------------------------------------------- run, stats, the end

run run -v 'print(40 + 2)'
exits 0
prints 42
says 'backend bubblewrap \(backend = http-remote'
run ps -q
check 'run leaves nothing' [ "$(wc -l <"$tree/out")" -eq 3 ]
run stats
exits 0
check 'counts' grep -Eq '^sandboxes +3$' "$tree/out"
check 'tools' grep -Eq '^shell_executor +[1-9]' "$tree/out"
check 'times' grep -Eq '^execute +[1-9].* m?s' "$tree/out"
run stats --json
is_json
field 'r["total_sandboxes"]' 3

refused "'$box' is running; stop it first, or use -f" rm "$box"
run stop abc1 "$box"
exits 0
check 'the ids of those that are stopped' [ "$(tr '\n' ' ' <"$tree/out")" = "abc1 $box " ]
run ps --status stopped -q
check 'two are stopped' [ "$(wc -l <"$tree/out")" -eq 2 ]
run exec abc1 'print(1)'
exits 125
says_one_line
run rm zzz abc1
exits 125
prints abc1
says "no sandbox 'zzz'"
run rm --json zzz
exits 125
field 'r["error"]["code"]' notfound
run rm -f zzz
exits 0
says_nothing
run rm --all --json
prints "{\"sandbox_id\":\"$box\"}"
run rm -f --all
prints abc2
run ps -q
prints ''

# -------------------------------------------------------------------------------------- a hostile server

# No control characters, and nothing that turns text around.
is_harmless() { ! LC_ALL=C grep -qP '[\x00-\x08\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]' "$1"; }

"$PYTHON" "$here/hostile_server.py" "$tree/keys.log" >"$tree/port" 2>"$tree/hostile.err" &
servers+=($!)
until [ -s "$tree/port" ] || ! kill -0 "${servers[1]}"; do sleep 0.1; done
[ -s "$tree/port" ] || { echo "not ok: no hostile server: $(cat "$tree/hostile.err")" && exit 1; }
hostile=http://127.0.0.1:$(cat "$tree/port")
echo untouched >"$tree/secret"
mkdir "$tree/trap" "$tree/trap/victim"
cd "$tree/trap" || exit 1
for archive in dotdot absolute beside prefix first through rootlink hardlink hardthrough device fifo setuid setgid garbage cut empty \
    link link/. twice infile roots rootless report.txt/.; do
    rm -rf "$tree/trap/here"
    mkdir "$tree/trap/here"
    refused 'cp: ' --server "$hostile" cp "box:$archive" here
    refused 'cp: ' --server "$hostile" cp "box:$archive" here/new
    check 'no copy is a link' [ -z "$(find here -maxdepth 1 -type l)" ]
done
check 'nothing has left the folder' [ "$(find "$tree" -name '*escaped*' | wc -l)" -eq 0 ]
check 'nor gone elsewhere' [ ! -e /tmp/enclave-test-escaped ]
check 'nothing outside was linked' [ "$(stat -c %h "$tree/secret")" -eq 1 ]
run --server "$hostile" cp box:good .
exits 0
check 'a good one is unpacked' [ "$(cat good/file good/same)" = 'hello
hello' ]
# What a copy is called is said by who asks for it, never by the archive.
mkdir home home/.ssh
echo mine >home/.bashrc
run --server "$hostile" cp box:report.txt home
exits 0
run --server "$hostile" cp box:results/ home
exits 0
check 'under the names asked for' [ "$(cat home/report.txt home/results/authorized_keys)" = 'EVIL
EVIL' ]
check 'not under those of the archive' [ "$(cat home/.bashrc && ls -A home/.ssh)" = mine ]
refused "'..' is no name for a copy; '../.'" --server "$hostile" cp box:.. home
refused "'/' is no name for a copy; '/.'" --server "$hostile" cp box:/ home
run --server "$hostile" cp box:../. home
exits 0
check 'what is in it' [ -f home/file ]
run --server "$hostile" cp box:.. home/new
exits 0
check 'a new folder needs no name' [ -f home/new/file ]
# A failure stays one: numbers that an exit code has no room for are none.
for end in '"exited", "exit_code": 256' '"exited", "exit_code": -256' '"exited", "exit_code": 4294967296' \
    '"signaled", "signal": 128' '"signaled", "signal": -128' '"signaled"'; do
    refused 'something else than a result' --server "$hostile" exec box "{\"cause\": $end}"
done
run --server "$hostile" exec box '{"cause": "exited", "exit_code": 255}'
exits 255
run --server "$hostile" exec box '{"cause": "exited", "exit_code": 0}'
exits 1
run --server "$hostile" ps
exits 0
check 'what it says does not steer a terminal' is_printable "$tree/out"
check 'nor turn its text around' is_harmless "$tree/out"
type="'do\\x1b[31mcker\\nx\\x7f\\x9b31m\\u061c\\u202ey\\u2066'"
run --server "$hostile" ps --json
check 'nor does it as JSON' is_harmless "$tree/out"
field 'ascii(r[0]["type"])' "$type"
run --server "$hostile" info box --json
check 'nor that of one' is_harmless "$tree/out"
field 'ascii(r["type"])' "$type"
run --server "$hostile" exec --json box '{"cause": "exited", "exit_code": 1, "output": "\u009b1m\u2029\u00e4", "error": "\u2067"}'
check 'nor a result' is_harmless "$tree/out"
field 'ascii(r["output"] + r["error"])' "'\\x9b1m\\u2029\\xe4\\u2067'"
check 'and the rest is as it is' grep -q ä "$tree/out"
refused "what answers at $hostile/foo has no '/sandboxes' there" --server "$hostile/foo" ps
run --server "$hostile" cp box:unknown . --json
exits 125
says '31mno \[31m'
for file in "$tree/out" "$tree/err"; do
    check 'nor do its errors, by control characters of one byte or of two' is_harmless "$file"
done
check 'no key was sent to it' [ "$(grep -vc ' None$' "$tree/keys.log")" -eq 0 ]

# ------------------------------------------------------------------------------------- a server that hangs

# Who interrupts a run waits for the end of the manager, which is bounded, and hears what is left there.
printf '[enclave]\nbackend = http-remote\n[backend http-remote]\nbase_url = %s\napi_key_file = %s\nrequest_timeout = 1\n' \
    "$server" "$tree/ann" >"$tree/brief.ini"
begin --config "$tree/brief.ini" run -t shell_executor --timeout 60 'echo begun; sleep 60'
kill -STOP "${servers[0]}"
kill -INT "$pid"
end
kill -CONT "${servers[0]}"
exits 130
says '^enclave: warning: the manager ends, but not all of its sandboxes are deleted: delete sandbox .* no sign of life any more$'

# --------------------------------------------------------------------------------- a server that stops

# What it cancels then is not what Ctrl-C has cancelled.
run create --id last
"$ENCLAVE" exec last --json --timeout 60 'import time; open("begun", "w").close(); time.sleep(60)' \
    >"$tree/cancelled" 2>"$tree/cancelled.err" </dev/null &
json=$!
begin exec last --timeout 60 'import os, time
while not os.path.exists("begun"): time.sleep(0.05)
print("begun", flush=True); time.sleep(60)'
kill -TERM "${servers[0]}"
end
exits 125
says_one_line
says '^enclave: the execution was cancelled, by the server'
wait "$json"
code=$? last='enclave exec --json'
mv "$tree/cancelled" "$tree/out"
mv "$tree/cancelled.err" "$tree/err"
exits 125
says_nothing
field 'r["cause"]' cancelled

finish
