#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage.sh ENCLAVE - the command line, and the verbs that only show something. Needs no engine.
. "$(dirname "$0")/common.sh"

fits() { [ "$(wc -L <"$tree/out")" -le 80 ]; }

# ----------------------------------------------------------------------------------- help and version

for verb in '' run serve create exec ps info tools cp stop rm stats plugins config doctor; do
    # shellcheck disable=SC2086
    run $verb --help
    exits 0
    says_nothing
    check 'teaches by examples' grep -q 'Examples:' "$tree/out"
    check 'fits 80 columns' fits
    cp "$tree/out" "$tree/help"
    run help $verb
    exits 0
    check 'is the same as --help' cmp -s "$tree/out" "$tree/help"
done
for option in tool param timeout memory cpus network env json config backend image; do
    run run --help
    check "--$option is explained" grep -q -- "--$option" "$tree/out"
done
for verb in run create exec ps info tools cp stop rm stats; do
    run "$verb" --help
    check '--key-file is explained' grep -q -- '--key-file' "$tree/out"
    check 'ENCLAVE_SERVER is explained' grep -qF ENCLAVE_SERVER "$tree/out"
    check '--server is explained' grep -q -- '--server' "$tree/out"
    check 'the exit code is explained' grep -q 'Exit code' "$tree/out"
done
run --version
exits 0
check 'prints the version' grep -Eq '^enclave [0-9]+\.[0-9]+\.[0-9]+$' "$tree/out"

# ------------------------------------------------------------------------------------------ mistakes

refused 'no verb' # none
refused "unknown verb 'rnu'; did you mean 'run'" rnu
refused "unknown verb 'frobnicate'; try" frobnicate
refused 'unknown verb' "$(printf 'a\nb\033[1m')"
refused "unknown option '--tiemout'; did you mean '--timeout'" run --tiemout 3 x
refused "unknown option '--frobnicate'; try 'enclave run --help'" run --frobnicate x
refused "unknown option '-Z'" run -Z x
refused "unknown option '--tool'" --tool x run
refused 'needs a value' run --timeout
refused 'takes no value' run --network=yes x
refused 'no code given' run
refused 'no code given' run --tool shell_executor --param timeout=3
refused 'CODE is one argument' run print 1
refused 'give one of them' run -f x y
refused 'give one of them' run --param code=1 x
refused 'not a number of seconds' run --timeout soon x
refused 'not a number of seconds' run --timeout -1 x
refused 'not a number of seconds' run --timeout nan x
refused 'not a size' run --memory lots x
refused 'not a number above 0' run --cpus 0 x
refused 'not KEY=VALUE' run --param code x
refused 'not KEY=VALUE' run --env =x x
refused 'no such variable' run --env ENCLAVE_NO_SUCH_VARIABLE x
refused 'not HOST:PATH' run --volume /tmp x
refused 'cannot be both' run -i -
refused "cannot read file '/nonexistent'" run -f /nonexistent
refused 'Is a directory' run -f /
refused 'not valid UTF-8' run "$(printf 'print("\377")')"
printf 'print("\377")' >"$tree/latin1.py"
refused 'latin1.py.*not valid UTF-8' run -f "$tree/latin1.py"
refused 'not valid UTF-8' run --param "x=$(printf '\377')" x
refused '--server is for the clients.*--listen' serve --server http://127.0.0.1:1 --listen nonsense
refused '--key-file is for the clients.*api_key_file' --key-file /nonexistent serve --listen nonsense
refused 'serve takes no --json.*log_format' serve --json --listen nonsense
INPUT=/dev/zero refused 'larger than 16 MiB' run -

# -------------------------------------------------------------------------------------- configuration

refused "nonexistent" config --config /nonexistent.ini
printf '[enclave]\nbackend = auto\nno_such_key = 1\n' >"$tree/bad.ini"
refused "bad.ini:3.*no_such_key" config --config "$tree/bad.ini"
refused "bad.ini:3.*no_such_key" --config="$tree/bad.ini" run x
run doctor --config "$tree/bad.ini"
exits 1
check 'names the mistake' grep -q '^not ok.*no_such_key' "$tree/out"
printf '[plugins]\ntools = python_executor, no_such_plugin\n' >"$tree/missing.ini"
refused 'no_such_plugin' --config "$tree/missing.ini" run x

run config
exits 0
says_nothing
check 'has sections' grep -q '^\[enclave\]$' "$tree/out"
check 'has sources' grep -Eq '^backend = .*; from default$' "$tree/out"
cp "$tree/out" "$tree/again.ini"
run --backend docker config
check 'tells what an option changed' grep -Eq '^backend = docker .*; from option$' "$tree/out"
run config --config "$tree/again.ini"
exits 0
check 'reads its own output' grep -Eq '^backend = .*; from .*again.ini:[0-9]+$' "$tree/out"
run config --json
exits 0
is_json
field 'sorted(r[0])' "['help', 'key', 'section', 'source', 'value']"

# -------------------------------------------------------------------------------------------- plugins

run plugins
exits 0
check 'has headings' grep -q '^KIND ' "$tree/out"
run plugins --json
exits 0
is_json
field '{p["state"] for p in r if p["name"] == "python_executor"}' "{'loaded'}"

mkdir -m 755 "$tree/plugins"
printf 'not a plugin' >"$tree/plugins/tool-garbage.so"
chmod 644 "$tree/plugins/tool-garbage.so"
export ENCLAVE_PLUGIN_PATH=$ENCLAVE_PLUGIN_PATH:$tree/plugins
run plugins
exits 0
check 'lists what is refused' grep -Eq 'refused .*tool-garbage.so' "$tree/out"
run plugins --json
field '[bool(p["reason"]) for p in r if "garbage" in p["file"]]' '[True]'

finish
