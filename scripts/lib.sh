# shellcheck shell=bash disable=SC2034 # what is set here is used by those that source it
# SPDX-License-Identifier: Apache-2.0
#
# Shell functions that the scripts of this folder share: messages, root, packages, the container engine's socket.
# To be sourced by bash, with `set -euo pipefail` in force. Messages go to stderr, so that stdout is the script's own.

ENCLAVE_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What building needs, and what the tests and checks need besides; docs/dependencies.md has the reasons.
BUILD_PACKAGES=(build-essential cmake ninja-build pkg-config musl-tools libcurl4-openssl-dev libjson-c-dev
    libinih-dev libarchive-dev libseccomp-dev nettle-dev libmicrohttpd-dev)
# What the backend that needs no engine is made of.
RUN_PACKAGES=(bubblewrap python3)
TEST_PACKAGES=(libcmocka-dev openssl python3 python3-jsonschema perl curl util-linux busybox-static clang
    clang-format clang-tidy)
# A Linux that runs as a process, for cgroups of version 2: Debian has one, for x86.
if [ "$(uname -m)" = x86_64 ] && grep -qx 'ID=debian' /etc/os-release; then
    TEST_PACKAGES+=(user-mode-linux)
fi

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "error: $*"
    exit 1
}

# as_root COMMAND...: as it is when we are root, else with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "'$*' needs root: run this as root, or install sudo"
    fi
}

# Names of those packages that are not installed.
missing_packages() {
    local package installed
    installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        grep -qxF "$package installed" <<<"$installed" || printf '%s\n' "$package"
    done
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -q "$@" >&2
}

apt_has_lists() {
    [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ]
}

# install_packages NAME...: what is missing and nothing else; a machine that has all of it sees no apt at all.
install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "missing: ${missing[*]}; install them (only apt-get is known to this script)"
    say "installing ${missing[*]}"
    # The package lists of this machine may be absent, or too old to fetch from; only then are they fetched.
    if ! apt_has_lists || ! apt_install "${missing[@]}"; then
        say "fetching package lists"
        as_root apt-get update -q >&2 || die "apt-get update failed: see its messages above"
        apt_install "${missing[@]}" || die "cannot install ${missing[*]}: see the messages of apt-get above"
    fi
}

# fetch_program PACKAGE PROGRAM: put a program on PATH without installing its package, which would start it as a
# service on every address of the machine.
fetch_program() {
    local package=$1 program=$2 folder
    folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/enclave-tests/$package
    if command -v "$program" >/dev/null; then
        return
    fi
    if [ ! -x "$folder/usr/bin/$program" ]; then
        say "fetching $package"
        mkdir -p "$folder"
        (cd "$folder" && { apt-get download -q "$package" || { as_root apt-get update -q && apt-get download -q "$package"; }; } >&2 &&
            dpkg-deb -x "$package"_*.deb . && rm -f "$package"_*.deb) || die "cannot fetch $package"
    fi
    export PATH=$folder/usr/bin:$PATH
}

# Where engines that scripts/engines.sh starts keep what is theirs.
ENCLAVE_ENGINES_DIR=${ENCLAVE_ENGINES_DIR:-/var/lib/enclave-engines}

# The sockets of the tests' Podman engines, which the tests are told by these variables.
export ENCLAVE_PODMAN_SOCKET=${ENCLAVE_PODMAN_SOCKET:-$ENCLAVE_ENGINES_DIR/podman/socket}
export ENCLAVE_PODMAN_ROOTLESS_SOCKET=${ENCLAVE_PODMAN_ROOTLESS_SOCKET:-$ENCLAVE_ENGINES_DIR/podman-rootless/socket}

# Path of the Docker engine's socket; empty when DOCKER_HOST names an engine that is not behind a local one.
docker_socket() {
    if [ -n "${ENCLAVE_DOCKER_SOCKET:-}" ]; then
        printf '%s\n' "$ENCLAVE_DOCKER_SOCKET"
    elif [ -z "${DOCKER_HOST:-}" ]; then
        printf '/var/run/docker.sock\n'
    elif [ "${DOCKER_HOST#unix://}" != "$DOCKER_HOST" ]; then
        printf '%s\n' "${DOCKER_HOST#unix://}"
    fi
}

# The programs that we run know one variable for it.
if [ -n "${ENCLAVE_DOCKER_SOCKET:-}" ]; then
    export DOCKER_HOST=unix://$ENCLAVE_DOCKER_SOCKET
fi

# with_engine COMMAND...: run it as the calling user, who may be one that the engine's socket is closed to (a fresh
# install of Docker opens it to the group `docker` only): then with that group added, for this one command.
with_engine() {
    local socket
    socket=$(docker_socket)
    if [ -z "$socket" ] || [ ! -S "$socket" ] || [ -w "$socket" ]; then
        "$@"
        return
    fi
    local groups variables
    groups=$(id -G | tr ' ' ,),$(as_root stat -c %g "$socket")
    mapfile -t variables < <(env | grep -E '^(ENCLAVE|DOCKER|CTEST|CMAKE|[AT]SAN|UBSAN|XDG)_[A-Z_]*=' || true)
    as_root setpriv --reuid "$(id -u)" --regid "$(id -g)" --groups "$groups" \
        env HOME="$HOME" PATH="$PATH" "${variables[@]}" "$@"
}

# Compile with all processors.
jobs_flag() {
    printf -- '-j%s\n' "$(nproc)"
}
