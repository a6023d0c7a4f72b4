#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# engines.sh start|stop|status|clean [docker]: throwaway container engines for the tests.
#
#   start   make sure that an engine answers and has the test image. An engine that answers already is used as it is;
#           else one is started in the background, with a data folder of its own.
#   stop    end what `start` started, and nothing else. Images stay for the next start.
#   status  say what answers; exit code 1 when something is missing.
#   clean   stop, and remove the data folder and the cached image.
#
# Environment: DOCKER_HOST or ENCLAVE_DOCKER_SOCKET (where the engine is to answer), ENCLAVE_ENGINES_DIR (data folder),
# ENCLAVE_TEST_IMAGE, ENCLAVE_DOCKERD_ARGS (more arguments), ENCLAVE_START_TIMEOUT and ENCLAVE_PULL_TIMEOUT (seconds).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=${ENCLAVE_ENGINES_DIR:-/var/lib/enclave-engines}
IMAGE=${ENCLAVE_TEST_IMAGE:-python:3.11-slim}
START_TIMEOUT=${ENCLAVE_START_TIMEOUT:-60}
PULL_TIMEOUT=${ENCLAVE_PULL_TIMEOUT:-120}
SOCKET=$(docker_socket)

# ------------------------------------------------------------------------------------------- Docker Engine API

# docker_api METHOD PATH [CURL ARGUMENTS...]: the body on stdout; fails for a status of 400 or more.
docker_api() {
    local method=$1 path=$2
    shift 2
    local run=as_root
    [ ! -w "$SOCKET" ] || run=
    $run curl --silent --show-error --fail --unix-socket "$SOCKET" -X "$method" "$@" "http://localhost$path"
}

docker_answers() {
    [ "$(docker_api GET /_ping --max-time 5 2>/dev/null)" = OK ]
}

docker_version() {
    docker_api GET /version --max-time 5 |
        sed -nE 's/.*"Version":"([^"]*)","ApiVersion":"([^"]*)".*/\1, API \2/p' | head -n 1
}

docker_has_image() {
    docker_api GET "/images/$IMAGE/json" --max-time 10 >/dev/null 2>&1
}

# Percent-encode what may be in an image's name or in a Dockerfile instruction.
url_encode() {
    local text=$1 i c
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [a-zA-Z0-9._~-]) printf '%s' "$c" ;;
        *) printf '%%%02X' "'$c" ;;
        esac
    done
}

# --------------------------------------------------------------------------------------------------- test image

# The engine answers 200 and reports a failed pull in the body, so what counts is whether the image is there afterwards.
docker_pull() {
    local answer
    say "pulling $IMAGE (at most $PULL_TIMEOUT s)"
    answer=$(docker_api POST "/images/create?fromImage=$(url_encode "${IMAGE%:*}")&tag=$(url_encode "${IMAGE##*:}")" \
        --max-time "$PULL_TIMEOUT" 2>&1 | tail -n 1) || true
    docker_has_image && return 0
    say "cannot pull it: ${answer:0:200}"
    return 1
}

# A root file system with Python, to go under the same name, for machines without a registry. Kept for the next engine.
build_root() {
    local tar=$1
    as_root test -s "$tar" && return 0
    install_packages mmdebstrap debian-archive-keyring
    say "building a stand-in for $IMAGE with mmdebstrap (a minute or less)"
    as_root mkdir -p "$(dirname "$tar")"
    # Complete or absent: an interrupted build must not be taken for a cached one.
    as_root rm -f "$tar.part"
    # shellcheck disable=SC2016 # $1 is mmdebstrap's
    as_root mmdebstrap --quiet --format=tar --variant=minbase --include=python3 \
        --customize-hook='ln -s python3 "$1/usr/bin/python"' --customize-hook='mkdir -p "$1/sandbox"' \
        bookworm "$tar.part" >&2 || die "mmdebstrap failed; is a Debian mirror reachable?"
    as_root mv "$tar.part" "$tar"
}

docker_import() {
    local tar=$1 query changes='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    say "importing it as $IMAGE"
    query="fromSrc=-&repo=$(url_encode "${IMAGE%:*}")&tag=$(url_encode "${IMAGE##*:}")"
    query+="&changes=$(url_encode "$changes")&changes=$(url_encode 'CMD ["python3"]')"
    docker_api POST "/images/create?$query" --max-time 300 -H 'Content-Type: application/x-tar' -H 'Expect:' \
        --upload-file "$tar" >/dev/null || die "Docker did not take the image '$tar'"
    docker_has_image || die "Docker took the image '$tar' and does not have '$IMAGE'"
}

docker_ensure_image() {
    docker_has_image && return 0
    docker_pull && return 0
    build_root "$DIR/images/bookworm-python3.tar"
    docker_import "$DIR/images/bookworm-python3.tar"
}

# ------------------------------------------------------------------------------------------------------ dockerd

# Process id of the dockerd that we started, when it lives. A recycled number is told by the program's name.
docker_our_pid() {
    local pid
    pid=$(as_root cat "$DIR/docker/pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 1
    printf '%s\n' "$pid"
}

# A package may bring an engine that the system starts by itself, so ask once more after installing.
docker_install() {
    command -v dockerd >/dev/null && command -v iptables >/dev/null && return 0
    if command -v dockerd >/dev/null; then
        install_packages iptables
    else
        install_packages docker.io iptables
    fi
}

# Detached from the terminal and from our descriptors: it outlives the calling shell, and a pipe that we write into ends
# when we do.
docker_launch() {
    local arguments
    read -ra arguments <<<"${ENCLAVE_DOCKERD_ARGS:-}"
    as_root mkdir -p "$DIR/docker"
    # shellcheck disable=SC2016 # expanded by the inner shell, which has the rights to write there
    as_root setsid --fork bash -c 'log=$1; shift; cd /; exec "$@" </dev/null >"$log" 2>&1' - "$DIR/docker/log" \
        dockerd --host "unix://$SOCKET" --data-root "$DIR/docker/data" --exec-root "$DIR/docker/run" \
        --pidfile "$DIR/docker/pid" --log-level warn "${arguments[@]}"
}

docker_wait_ready() {
    local started=$SECONDS waited
    while ! docker_answers; do
        waited=$((SECONDS - started))
        # It writes its pid file first thing, so after some seconds without one it has given up.
        if [ $waited -ge "$START_TIMEOUT" ] || { [ $waited -gt 5 ] && ! docker_our_pid >/dev/null; }; then
            as_root tail -n 15 "$DIR/docker/log" >&2 || true
            die "dockerd does not answer on '$SOCKET'; its log is '$DIR/docker/log'"
        fi
        sleep 0.2
    done
}

docker_start() {
    [ -n "$SOCKET" ] || { say "DOCKER_HOST=$DOCKER_HOST is not on this machine: left alone"; return 0; }
    install_packages curl ca-certificates
    docker_answers || docker_install
    if ! docker_answers; then
        say "starting dockerd on $SOCKET"
        docker_launch
        docker_wait_ready
    fi
    say "Docker $(docker_version) answers on $SOCKET"
    docker_ensure_image
    say "image $IMAGE is there"
}

# dockerd ends its containers and its containerd itself; it is given time for that, and killed only after it.
docker_stop() {
    local pid
    if ! pid=$(docker_our_pid); then
        say "no dockerd of ours is running"
        return 0
    fi
    say "stopping dockerd ($pid)"
    as_root kill "$pid"
    if ! timeout 30 tail --pid="$pid" -f /dev/null; then
        say "it did not end within 30 s: killing it"
        as_root kill -KILL "$pid"
    fi
    as_root rm -f "$DIR/docker/pid"
}

docker_status() {
    if [ -z "$SOCKET" ]; then
        printf 'docker: at %s, not on this machine\n' "$DOCKER_HOST"
        return 0
    fi
    if ! docker_answers; then
        printf 'docker: nothing answers on %s; try %s start\n' "$SOCKET" "$0"
        return 1
    fi
    local pid origin='not ours'
    pid=$(docker_our_pid) && origin="ours, pid $pid"
    printf 'docker: %s on %s (%s)\n' "$(docker_version)" "$SOCKET" "$origin"
    docker_has_image || { printf 'docker: image %s is missing; try %s start\n' "$IMAGE" "$0"; return 1; }
    printf 'docker: image %s is there\n' "$IMAGE"
}

docker_clean() {
    docker_stop
    # A mount that a killed container left would be emptied with the folder: refuse.
    if grep -q " $DIR/" /proc/self/mounts; then
        die "something is still mounted below '$DIR': unmount it first"
    fi
    as_root rm -rf --one-file-system "$DIR/docker" "$DIR/images"
    if [ -d "$DIR" ]; then
        as_root rmdir --ignore-fail-on-non-empty "$DIR"
    fi
}

verb=${1:-}
engine=${2:-docker}
case $engine in
docker) ;;
*) die "unknown engine '$engine': docker is the one that is known" ;;
esac
case $verb in
start | stop | status | clean) "${engine}_$verb" ;;
*)
    printf 'usage: %s start|stop|status|clean [docker]\n' "$0" >&2
    exit 2
    ;;
esac
