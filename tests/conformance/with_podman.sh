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
CONTAINER_HOST=unix://$socket exec "$@"
