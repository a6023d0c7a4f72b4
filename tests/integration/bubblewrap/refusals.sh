#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# refusals.sh PROGRAM PLUGIN_FOLDER: `enclave run` on a machine without an engine: it works, and what cannot work is told
# on one line that says what to do. 77 without bwrap.
set -euo pipefail
program=$1 plugins=$2
export ENCLAVE_PLUGIN_PATH=$plugins DOCKER_HOST=unix:///nonexistent/docker CONTAINER_HOST=unix:///nonexistent/podman
unset ENCLAVE_CONFIG
umask 022
command -v bwrap >/dev/null || {
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,bubblewrap,*) echo 'failed: bwrap is not installed'; exit 1 ;;
    esac
    echo 'skipped: bwrap is not installed'
    exit 77
}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# told CODE WORDS COMMAND...: it ends with CODE, writes nothing to stdout, and one line, with WORDS, to stderr.
told() {
    local wanted=$1 words=$2 code=0
    shift 2
    "$@" >"$tree/out" 2>"$tree/err" </dev/null || code=$?
    if [ "$code" != "$wanted" ] || [ -s "$tree/out" ] || [ "$(wc -l <"$tree/err")" != 1 ] || ! grep -qF -e "$words" "$tree/err"; then
        cat "$tree/out" "$tree/err"
        fail "$* exits with $code (wanted: $wanted, one line with '$words')"
    fi
}

run=("$program" run -q)
[ "$("${run[@]}" 'print(40 + 2)')" = 42 ] || fail 'no 42 without an engine'
said=$("$program" run -v 'print(1)' 2>&1)
[[ $said == *'auto: not docker: '*'backend bubblewrap (backend = auto'* ]] || fail "run -v does not say which and why: $said"

# bwrap is missing; a user's PATH may lack it, or it is not where the configuration says.
told 125 'apt-get install bubblewrap' env PATH=/nonexistent "${run[@]}" 'print(1)'
told 125 "'enclave doctor' tells why" env PATH=/nonexistent "${run[@]}" 'print(1)'
told 125 'apt-get install bubblewrap' env PATH=/nonexistent "${run[@]}" -b bubblewrap 'print(1)'
printf '[backend bubblewrap]\nbwrap_path = /nonexistent/bwrap\n' >"$tree/ini"
told 125 '/nonexistent/bwrap' "${run[@]}" -c "$tree/ini" 'print(1)'

# A root file system without Python.
mkdir -p "$tree/root/bin"
cp "$plugins/enclave-agent" "$tree/root/bin/thing"
printf '[backend bubblewrap]\nrootfs = %s/root\n' "$tree" >"$tree/ini"
told 127 "'python3'" "${run[@]}" -c "$tree/ini" 'print(1)'
printf '[backend bubblewrap]\nrootfs = %s/none\n' "$tree" >"$tree/ini"
told 125 "$tree/none" "${run[@]}" -c "$tree/ini" 'print(1)'

# Images: damaged, cut short, not there.
mkdir "$tree/images"
printf '[backend bubblewrap]\nimage_dir = %s/images\ncache_dir = %s/cache\n' "$tree" "$tree" >"$tree/ini"
head -c 100000 /dev/urandom >"$tree/images/noise.tar"
: >"$tree/images/empty.tar"
tar -C / -cf - etc/passwd bin/sh | head -c 700 >"$tree/images/short.tar"
for image in noise empty short; do
    told 125 "$tree/images/$image.tar" "${run[@]}" -c "$tree/ini" --image "$image" 'print(1)'
done
told 125 'images = none=PATH' "${run[@]}" -c "$tree/ini" --image none 'print(1)'

# What cannot be had here.
told 125 'network' "${run[@]}" --network 'print(1)'
if [ "$(id -u)" = 0 ]; then
    printf '[backend bubblewrap]\nuid_range = 1-2000\n' >"$tree/ini"
    told 125 '[backend bubblewrap]: uid_range' "${run[@]}" -c "$tree/ini" 'print(1)'
else
    told 125 'memory_limit' "${run[@]}" -m 64m 'print(1)'
fi

# Namespaces are forbidden. (As somebody else, plugins would be the property of a user that is unknown in there.)
if [ "$(id -u)" = 0 ] && unshare -U -r true 2>/dev/null; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    told 125 'sysctl -w user.max_user_namespaces' unshare -U -r sh -c \
        'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh "${run[@]}" 'print(1)'
fi
echo 'all told'
