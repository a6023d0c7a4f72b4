#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# saved.sh IMAGE_OPEN ENCLAVE - a real image with a layer of ours on it, saved by Docker, unpacked by the image store as
# an ordinary user, and compared with what Docker exports of a container of it. Then it is run by bubblewrap.
set -eu -o pipefail
PYTHON=/usr/bin/python3
here=$(dirname "$0")
socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${socket#unix://}
name=enclave-test-image-$$
tree=$(mktemp -d "${TMPDIR:-/tmp}/enclave-images.XXXXXX")

image_open=$tree/image_open # where an ordinary user can run it
install -m 0755 "$1" "$image_open"

ask() { curl -sSf --max-time 120 --unix-socket "$socket" "$@"; }
post() { ask -X POST -H 'Content-Type: application/json' "http://docker/v1.41$1" -d "${2:-}"; }
forget() {
    for path in "/containers/$name?force=1" "/containers/$name-of-it?force=1" "/images/$name"; do
        ask -X DELETE "http://docker/v1.41$path" >/dev/null 2>&1 || true
    done
    rm -rf "$tree"
}

if ! ask http://docker/_ping >/dev/null 2>&1; then
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,docker,* | *,all,*) echo 'not ok: Docker is required and does not answer' && exit 1 ;;
    esac
    echo 'skipped: Docker does not answer' && exit 77
fi
trap forget EXIT

# Everything that a layer can say about those below: removed, replaced by another kind, emptied, changed.
script='set -e
rm -rf /usr/share/doc /etc/debian_version
rm -rf /usr/share/perl5 && mkdir /usr/share/perl5 && echo new >/usr/share/perl5/new
rm -rf /var/cache && echo file >/var/cache
rm /etc/issue && mkdir -m 0555 /etc/issue
rm -f /bin/vdir && ln -s nowhere /bin/vdir
echo changed >>/etc/passwd && chmod 4711 /bin/ls && chmod 1777 /opt
mkdir -p /new/deep && echo one >/new/deep/one && ln /new/deep/one /new/two && mkfifo /new/pipe
echo long >/new/$(printf "%0200d" 7) && echo utf-8 >/new/gr$(printf "\303\274")n'
post "/containers/create?name=$name" "$("$PYTHON" -c 'import json, sys
print(json.dumps({"Image": "python:3.11-slim", "Cmd": ["sh", "-c", sys.argv[1]], "Env": ["ENCLAVE_TEST=1"]}))' "$script")" >/dev/null
post "/containers/$name/start"
post "/containers/$name/wait" | grep -q '"StatusCode":0'
post "/commit?container=$name&repo=$name" '{"Env": ["ENCLAVE_TEST=2", "ENCLAVE_EMPTY=", "--bind=/", "--dir=/zz"]}' >/dev/null
post "/containers/create?name=$name-of-it" "{\"Image\": \"$name\"}" >/dev/null
ask "http://docker/v1.41/images/$name/get" >"$tree/image.tar"

# As an ordinary user where that can be: what root may do besides, the unit tests show.
as_user=(env "ENCLAVE_PLUGIN_PATH=$ENCLAVE_PLUGIN_PATH" HOME=/nonexistent)
mkdir "$tree/cache"
if [ "$(id -u)" -eq 0 ]; then
    chmod 0711 "$tree"
    chmod 0644 "$tree/image.tar"
    chown 65534:65534 "$tree/cache"
    as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups "${as_user[@]}")
fi
chmod 0700 "$tree/cache"
"${as_user[@]}" "$image_open" "$tree/image.tar" "$tree/cache" >"$tree/first"
"${as_user[@]}" "$image_open" "$tree/image.tar" "$tree/cache" >"$tree/second"
cmp "$tree/first" "$tree/second"
grep -qx 'ENCLAVE_TEST=2' "$tree/first"
[ "$(sed -n 2p "$tree/first")" = "$(ask "http://docker/v1.41/images/$name/json" |
    "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["Id"])')" ]
ask "http://docker/v1.41/containers/$name-of-it/export" | "$PYTHON" "$here/compare.py" "$(head -1 "$tree/first")"

# In a sandbox it finds its own Python, its own files and its own environment, and not the host's.
printf '%s\n' '[enclave]' 'backend = bubblewrap' '[backend bubblewrap]' "images = saved:1=$tree/image.tar" \
    "cache_dir = $tree/cache" >"$tree/enclave.ini"
code='import os, sys
print(os.environ.get("ENCLAVE_TEST"), repr(os.environ.get("ENCLAVE_EMPTY")), os.path.exists("/--setenv"))
print(open("/new/two").read().strip(), os.path.exists("/usr/share/doc"))
print(os.stat(sys.executable).st_ino)'
"${as_user[@]}" ENCLAVE_CONFIG="$tree/enclave.ini" "$2" run --image saved:1 "$code" >"$tree/ran"
python=$(head -1 "$tree/first")/usr/bin/python3
printf "2 '' False\none False\n%s\n" "$(stat -L -c %i "$python")" | diff - "$tree/ran"
# One that is not mapped is refused, and the error says how to map it.
! "${as_user[@]}" ENCLAVE_CONFIG="$tree/enclave.ini" "$2" run --image other:1 "$code" 2>"$tree/refused"
grep -q "image 'other:1' is not known: .*images = other:1=PATH" "$tree/refused"
# A damaged one is one line.
head -c 1000000 "$tree/image.tar" >"$tree/image.cut" && chmod 0644 "$tree/image.cut"
sed "s,image.tar,image.cut," "$tree/enclave.ini" >"$tree/cut.ini"
! "${as_user[@]}" ENCLAVE_CONFIG="$tree/cut.ini" "$2" run --image saved:1 "$code" 2>"$tree/damaged"
[ "$(grep -vc "^enclave: warning: " "$tree/damaged")" = 1 ]
grep -q "$tree/image.cut" "$tree/damaged"
"${as_user[@]}" rm -rf "$tree/cache/"* # no more than rm(1) is needed
