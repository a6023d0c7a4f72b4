#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# with_podman.sh podman|podman-rootless PROGRAM...: with the Podman that scripts/engines.sh has started.
set -eu
case $1 in
podman) socket=${ENCLAVE_PODMAN_SOCKET:-/var/lib/enclave-engines/podman/socket} ;;
podman-rootless) socket=${ENCLAVE_PODMAN_ROOTLESS_SOCKET:-/var/lib/enclave-engines/podman-rootless/socket} ;;
esac
shift
# A backend gives up on an engine that takes 4.5 s to say what it is, which one does that is busy with another test.
for _ in $(seq 30); do
    curl -sf -o /dev/null --max-time 2 --unix-socket "$socket" http://podman/info && break
    [ -S "$socket" ] || break
    sleep 1
done
CONTAINER_HOST=unix://$socket exec "$@"
