# shellcheck shell=bash disable=SC2034 # what is set here is used by those that source it
# SPDX-License-Identifier: Apache-2.0
#
# common.sh - sourced by the tests of this folder: messages, what is missing, a temporary folder.

# skip WHY: or fail, where Podman is required.
skip() {
    case ",${ENCLAVE_TEST_REQUIRE:-}," in
    *,podman,*) fail "Podman is required: $1" ;;
    esac
    echo "skipped: $1"
    exit 77
}

fail() {
    echo "not ok: $1"
    for file in "$tree"/out "$tree"/err; do
        [ ! -s "$file" ] || head -c 1000 "$file" | sed "s/^/  ${file##*/}: /"
    done
    exit 1
}

# ask SOCKET PATH
ask() { curl -sf --max-time 20 --unix-socket "$1" "http://podman$2"; }

tree=$(mktemp -d "${TMPDIR:-/tmp}/enclave-podman.XXXXXX")
trap 'rm -rf "$tree"' EXIT
rootful=${ENCLAVE_PODMAN_SOCKET:-/var/lib/enclave-engines/podman/socket}
rootless=${ENCLAVE_PODMAN_ROOTLESS_SOCKET:-/var/lib/enclave-engines/podman-rootless/socket}
