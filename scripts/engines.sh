#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# engines.sh start|stop|status|clean [docker] [podman] [podman-rootless]: throwaway container engines for the tests. Without a
# name: docker.
#
#   start   make sure that an engine answers and has the test image. An engine that answers already is used as it is;
#           else one is started in the background, with a data folder of its own. Podman's are always ours; the rootless one runs
#           as the user enclave-podman, who is made for it.
#   stop    end what `start` started, and nothing else. Images stay for the next start.
#   status  say what answers; exit code 1 when something is missing.
#   clean   stop, and remove the data folder; that of docker with the cached image.
#
# Environment: DOCKER_HOST or ENCLAVE_DOCKER_SOCKET, ENCLAVE_PODMAN_SOCKET, ENCLAVE_PODMAN_ROOTLESS_SOCKET (where the engines are to
# answer), ENCLAVE_ENGINES_DIR (data folder), ENCLAVE_TEST_IMAGE, ENCLAVE_DOCKERD_ARGS (more arguments), ENCLAVE_START_TIMEOUT and ENCLAVE_PULL_TIMEOUT (seconds).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DIR=$ENCLAVE_ENGINES_DIR
IMAGE=${ENCLAVE_TEST_IMAGE:-python:3.11-slim}
START_TIMEOUT=${ENCLAVE_START_TIMEOUT:-60}
PULL_TIMEOUT=${ENCLAVE_PULL_TIMEOUT:-120}
SOCKET= # of the engine that this is about

# ------------------------------------------------------------------------- Docker Engine API, which Podman offers too

# engine_api METHOD PATH [CURL ARGUMENTS...]: the body on stdout; fails for a status of 400 or more.
engine_api() {
    local method=$1 path=$2
    shift 2
    local run=as_root
    [ ! -w "$SOCKET" ] || run=
    $run curl --silent --show-error --fail --unix-socket "$SOCKET" -X "$method" "$@" "http://localhost$path"
}

engine_answers() {
    [ "$(engine_api GET /_ping --max-time 5 2>/dev/null)" = OK ]
}

engine_version() {
    engine_api GET /version --max-time 5 |
        sed -nE 's/.*"Version":"([^"]*)","ApiVersion":"([^"]*)".*/\1, API \2/p' | head -n 1
}

engine_has_image() {
    engine_api GET "/images/$IMAGE/json" --max-time 10 >/dev/null 2>&1
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
engine_pull() {
    local answer
    say "pulling $IMAGE (at most $PULL_TIMEOUT s)"
    answer=$(engine_api POST "/images/create?fromImage=$(url_encode "${IMAGE%:*}")&tag=$(url_encode "${IMAGE##*:}")" \
        --max-time "$PULL_TIMEOUT" 2>&1 | tail -n 1) || true
    engine_has_image && return 0
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

engine_import() {
    local tar=$1 query changes='ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    say "importing it as $IMAGE"
    query="fromSrc=-&repo=$(url_encode "$IMAGE")" # Podman takes no tag of its own here
    query+="&changes=$(url_encode "$changes")&changes=$(url_encode 'CMD ["python3"]')"
    engine_api POST "/images/create?$query" --max-time 300 -H 'Content-Type: application/x-tar' -H 'Expect:' \
        --upload-file "$tar" >/dev/null || die "the engine did not take the image '$tar'"
    engine_has_image || die "the engine took the image '$tar' and does not have '$IMAGE'"
}

engine_ensure_image() {
    local tar=$DIR/images/bookworm-python3.tar
    engine_has_image && return 0
    # Where it was built once, it could not be pulled.
    as_root test -s "$tar" || ! engine_pull || return 0
    build_root "$tar"
    engine_import "$tar"
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
    while ! engine_answers; do
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
    SOCKET=$(docker_socket)
    [ -n "$SOCKET" ] || { say "DOCKER_HOST=$DOCKER_HOST is not on this machine: left alone"; return 0; }
    install_packages curl ca-certificates
    engine_answers || docker_install
    if ! engine_answers; then
        say "starting dockerd on $SOCKET"
        docker_launch
        docker_wait_ready
    fi
    say "Docker $(engine_version) answers on $SOCKET"
    engine_ensure_image
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
    SOCKET=$(docker_socket)
    if [ -z "$SOCKET" ]; then
        printf 'docker: at %s, not on this machine\n' "$DOCKER_HOST"
        return 0
    fi
    if ! engine_answers; then
        printf 'docker: nothing answers on %s; try %s start\n' "$SOCKET" "$0"
        return 1
    fi
    local pid origin='not ours'
    pid=$(docker_our_pid) && origin="ours, pid $pid"
    printf 'docker: %s on %s (%s)\n' "$(engine_version)" "$SOCKET" "$origin"
    engine_has_image || { printf 'docker: image %s is missing; try %s start\n' "$IMAGE" "$0"; return 1; }
    printf 'docker: image %s is there\n' "$IMAGE"
}

# remove_data FOLDER: all of an engine.
remove_data() {
    # A mount that a killed container left would be emptied with the folder: refuse.
    if grep -q " $1/" /proc/self/mounts; then
        die "something is still mounted below '$1': unmount it first"
    fi
    as_root rm -rf --one-file-system "$1"
    if [ -d "$DIR" ]; then
        as_root rmdir --ignore-fail-on-non-empty "$DIR"
    fi
}

docker_clean() {
    docker_stop
    as_root rm -rf "$DIR/images"
    remove_data "$DIR/docker"
}

# shellcheck source-path=SCRIPTDIR source=engines-podman.sh
. "$(dirname "${BASH_SOURCE[0]}")/engines-podman.sh"

verb=${1:-}
shift || true
case $verb in
start | stop | status | clean) ;;
*)
    printf 'usage: %s start|stop|status|clean [docker] [podman] [podman-rootless]\n' "$0" >&2
    exit 2
    ;;
esac
[ $# -gt 0 ] || set -- docker
result=0
for engine; do
    case $engine in
    docker) docker_"$verb" || result=1 ;;
    podman | podman-rootless) podman_"$verb" "$engine" || result=1 ;;
    *) die "unknown engine '$engine': docker, podman and podman-rootless are known" ;;
    esac
done
[ "$result" -eq 0 ]
