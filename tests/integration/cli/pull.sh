#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# pull.sh ENCLAVE: a missing image is pulled, from a real registry that wants a password, with progress.
#
# Needs Docker on this host, docker-registry and busybox-static; the registry listens on the loopback interface only.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

needs() {
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,docker,* | *,all,*) echo "FAILED: $1"; exit 1 ;;
    esac
    echo "skipped: $1"
    exit 77
}
for program in docker docker-registry busybox perl script; do
    command -v "$program" >/dev/null || needs "$program is not installed"
done
docker version >/dev/null 2>&1 || needs 'Docker does not answer'

# ------------------------------------------------------------------------------------------------ a registry

port=$("$PYTHON" -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
image=127.0.0.1:$port/team/tiny:1
# The bcrypt hash of "open sesame", as htpasswd -B would write it.
perl -e 'print "ali:", crypt("open sesame", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$tree/htpasswd"
cat >"$tree/registry.yml" <<YML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $tree/registry}}
http: {addr: "127.0.0.1:$port"}
auth: {htpasswd: {realm: test, path: $tree/htpasswd}}
YML
docker-registry serve "$tree/registry.yml" >"$tree/registry.log" 2>&1 &
registry=$!
cleanup() {
    kill "$registry" 2>/dev/null
    docker rmi -f "$image" >/dev/null 2>&1
    rm -rf "$tree"
}
trap cleanup EXIT
curl -s -o /dev/null --retry 50 --retry-connrefused --retry-delay 1 "http://127.0.0.1:$port/v2/" || needs 'the registry does not start'

# An image that is a shell and a few megabytes that do not compress, so that there is progress to see.
mkdir -p "$tree/root/bin" "$tree/root/sandbox" "$tree/credentials"
cp "$(command -v busybox)" "$tree/root/bin/busybox"
ln -s busybox "$tree/root/bin/sh"
head -c 8000000 /dev/urandom >"$tree/root/ballast"
tar -C "$tree/root" -c . | docker import - "$image" >/dev/null || needs 'the image cannot be made'
echo 'open sesame' | tr -d '\n' |
    docker --config "$tree/credentials" login -u ali --password-stdin "127.0.0.1:$port" >/dev/null 2>&1
docker --config "$tree/credentials" push "$image" >/dev/null || needs 'the image cannot be pushed'
forget() { docker rmi -f "$image" >/dev/null; }
forget

# ----------------------------------------------------------------------------------------------------- pulls

mkdir "$tree/nobody"
echo '{}' >"$tree/nobody/config.json"
hello=(run --image "$image" --tool shell_executor 'echo pulled')

DOCKER_CONFIG=$tree/nobody run "${hello[@]}"
exits 125
says_one_line
says "$image"
says 'login|no basic auth|unauthorized|denied'

export DOCKER_CONFIG=$tree/credentials
run --json "${hello[@]}"
exits 0
field 'r["output"]' 'pulled'
says_nothing

forget
run -v "${hello[@]}"
exits 0
prints pulled
says "$image"

forget
last='a pull seen on a terminal'
script -qec "$ENCLAVE run --image $image --tool shell_executor 'echo pulled'" /dev/null >"$tree/out" 2>"$tree/err" </dev/null
check 'shows percent' grep -q '[0-9]%' "$tree/out"
check 'prints what the program printed' grep -q 'pulled' "$tree/out"

run run --image "127.0.0.1:$port/team/tiny:nosuchtag" --tool shell_executor true
exits 125
says_one_line
says 'nosuchtag'

forget
printf '[backend docker]\npull = never\n' >"$tree/never.ini"
run --config "$tree/never.ini" "${hello[@]}"
exits 125
says_one_line
says 'pull = never'

kill "$registry"
wait "$registry" 2>/dev/null
run "${hello[@]}"
exits 125
says_one_line
says "$image"

check 'leaves no container behind' [ -z "$(docker ps -aq --filter "ancestor=$image")" ]
finish
