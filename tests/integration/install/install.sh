#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh CMAKE BUILD_FOLDER SOURCE_FOLDER: an installation is complete in itself. Installs into an empty prefix, moves
# that elsewhere, builds the examples against it as a stranger would (CMake package, pkg-config), puts the third party's
# tool into a plugin folder of its own, and runs all of it in a real sandbox. Exit code 77: no Docker here.
set -euo pipefail
cmake=$1 build=$2 source=$3

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
umask 022
prefix=$tree/moved

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

# Nothing of the caller's environment helps: no configuration, no library path.
clean() {
    env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin HOME="$tree" LC_ALL=C.UTF-8 \
        ${DOCKER_HOST:+DOCKER_HOST="$DOCKER_HOST"} ${DOCKER_CERT_PATH:+DOCKER_CERT_PATH="$DOCKER_CERT_PATH"} \
        ${DOCKER_TLS_VERIFY:+DOCKER_TLS_VERIFY="$DOCKER_TLS_VERIFY"} "$@"
}

# apart COMMAND...: where the build tree and the source tree are not to be seen, if we may arrange that.
apart() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    local hide='for d; do [ "$d" = -- ] && break; mount -t tmpfs none "$d"; shift; done; shift; cd /; exec "$@"'
    if unshare --mount true 2>/dev/null; then
        clean unshare --mount sh -c "$hide" - "$build" "$source" -- "$@"
    else
        (cd / && clean "$@")
    fi
}

# same WANTED COMMAND...: what it prints.
same() {
    local wanted=$1 got
    shift
    got=$("$@") || fail "$* exits with $?"
    [ "$got" = "$wanted" ] || fail "$* prints '$got', not '$wanted'"
}

# --------------------------------------------------------------------------------------- install, and move

"$cmake" --install "$build" --prefix "$tree/first" >"$tree/log" || { cat "$tree/log"; fail 'cmake --install'; }
mv "$tree/first" "$prefix"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name enclave.pc)")
plugins=$(pkg-config --variable=plugindir enclave)
libraries=$(pkg-config --variable=libdir enclave)
for path in "$prefix/bin/enclave" "$prefix/bin/enclave-conformance" "$plugins/backend-docker.so" "$plugins/tool-python_executor.so" \
    "$prefix/include/enclave/enclave.h" "$prefix/include/enclave/ABI.md"; do
    [ -e "$path" ] || fail "$path is not installed"
done
documents=$(dirname "$(find "$prefix" -name CHANGELOG.md)")
"$source/tests/integration/install/readme.sh" "$documents" || fail 'the installed documents'
# What is installed names neither the trees it came from nor the prefix it was made for.
if grep -rlF -e "$build" -e "$source" -e "$tree/first" "$libraries/pkgconfig" "$libraries/cmake"; then
    fail 'the files above name a folder that is not theirs'
fi
while IFS= read -r object; do
    if readelf -d "$object" 2>/dev/null | grep -E 'R(UN)?PATH' | grep -F -e "$build" -e "$source"; then
        fail "$object looks for libraries in the build tree"
    fi
done < <(find "$prefix/bin" "$libraries" -type f)

# ------------------------------------------------------------------------------------ build out of the tree

cp -r "$documents/examples" "$tree/examples"
for example in embed event-loop tool-wordcount; do
    {
        clean "$cmake" -S "$tree/examples/$example" -B "$tree/$example" -DCMAKE_PREFIX_PATH="$prefix" \
            -DCMAKE_C_FLAGS='-Wall -Wextra -Werror' && clean "$cmake" --build "$tree/$example"
    } >"$tree/log" 2>&1 || { cat "$tree/log"; fail "examples/$example with the CMake package"; }
done
# shellcheck disable=SC2046 # flags
cc -std=c17 -Wall -Wextra -Werror -o "$tree/embed-pc" "$tree/examples/embed/main.c" \
    $(pkg-config --cflags --libs enclave) -Wl,-rpath,"$libraries" || fail 'examples/embed with pkg-config'

tool=$(find "$tree/tool-wordcount" -name tool-wordcount.so)
[ -n "$tool" ] || fail 'examples/tool-wordcount makes no tool-wordcount.so'
mkdir "$tree/tools"
cp "$tool" "$tree/tools/"

# A backend needs the headers only, too. This one's sandboxes do nothing.
mkdir "$tree/backends"
# shellcheck disable=SC2046 # flags
cc -std=c17 -Wall -Wextra -Werror -shared -fPIC -DPLAIN_NAME='"mine"' -DWORKS_ONCE $(pkg-config --cflags enclave) \
    -o "$tree/backends/backend-mine.so" "$source/tests/fixtures/plain_backend.c" || fail 'a backend with pkg-config'

# ---------------------------------------------------------------------------------------------------- look

enclave=$prefix/bin/enclave
apart "$enclave" --version >"$tree/out" || fail 'enclave --version'
grep -qF "$(pkg-config --modversion enclave)" "$tree/out" || fail "enclave --version prints '$(cat "$tree/out")'"
apart "$enclave" plugins >"$tree/out" || fail 'enclave plugins'
grep -q docker "$tree/out" || { cat "$tree/out"; fail 'the installed plugins are not found by themselves'; }
apart env ENCLAVE_PLUGIN_PATH="$plugins:$tree/tools" "$enclave" plugins >"$tree/out" || fail 'enclave plugins'
grep -q wordcount "$tree/out" || { cat "$tree/out"; fail 'the tool of a third party is not listed'; }

# A third party holds its backend to what is demanded, and learns where it falls short.
code=0
apart env ENCLAVE_PLUGIN_PATH="$plugins:$tree/backends" "$prefix/bin/enclave-conformance" --backend mine \
    --only 'lifecycle.create*' >"$tree/out" || code=$?
[ "$code" = 1 ] && grep -q '^1\.\.[1-9]' "$tree/out" && grep -q '^not ok 1 - lifecycle.create$' "$tree/out" &&
    grep -q '^# demanded: ' "$tree/out" || { cat "$tree/out"; fail "the suite on a third party's backend exits with $code"; }

# ----------------------------------------------------------------------------------------------------- run

if ! apart "$enclave" doctor >"$tree/out" 2>&1; then
    cat "$tree/out"
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,docker,* | *,all,*) fail 'Docker is required and does not work here' ;;
    esac
    exit 77
fi
same 42 apart "$enclave" run 'print(40 + 2)'
same '3 words' apart env ENCLAVE_PLUGIN_PATH="$plugins:$tree/tools" "$enclave" run --tool wordcount --param text='a b c'
apart "$prefix/bin/enclave-conformance" --backend docker --only lifecycle.create >"$tree/out" ||
    { cat "$tree/out"; fail 'enclave-conformance'; }
same 42 apart "$tree/embed/embed"
same 42 apart "$tree/embed-pc"
printf 'sleep 1; echo slow\necho quick\n' >"$tree/lines"
same $'2: quick\n1: slow' apart "$tree/event-loop/event-loop" <"$tree/lines"
same '1: no newline' apart "$tree/event-loop/event-loop" < <(printf 'echo no newline')
# A line that does not fit is refused by its number, and what comes behind it is run.
code=0
{ printf 'echo %010000d\n' 0 && echo 'echo behind' && printf 'echo %010000d' 0; } >"$tree/lines"
apart "$tree/event-loop/event-loop" <"$tree/lines" >"$tree/out" || code=$?
[ "$code" = 1 ] && [ "$(sort "$tree/out")" = $'1: the line is too long\n2: behind\n3: the line is too long' ] ||
    { cat "$tree/out"; fail "examples/event-loop with lines that are too long exits with $code"; }
