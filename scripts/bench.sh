#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh [OPTION]...: build for release and measure. Prints a table, or JSON lines with --json; asserts nothing.
#
#   scripts/bench.sh                      # everything but growth; about three minutes
#   scripts/bench.sh --only 'python*'     # some of it; --help lists the names and the other options
#   scripts/bench.sh --full               # with growth and 500 sandboxes; about a quarter of an hour
#   scripts/bench.sh --backend bubblewrap # or podman, at $CONTAINER_HOST or else the one of scripts/engines.sh
#
# docs/performance.md explains the rows.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C "$build" enclave-bench enclave enclave_agent backend_docker backend_podman backend_bubblewrap backend_http-remote \
    tool_python_executor tool_shell_executor tool_file_operation >/dev/null
case " $* " in
*' --help '* | *' -h '* | *' --only core '* | *' --backend bubblewrap '*) ;; # needs no engine
*' --backend podman '*)
    if [ -z "${CONTAINER_HOST:-}" ]; then
        scripts/engines.sh start podman >&2
        export CONTAINER_HOST="unix://${ENCLAVE_ENGINES_DIR:-/var/lib/enclave-engines}/podman/socket"
    fi
    ;;
*) scripts/engines.sh start >&2 ;;
esac
exec "$build/tests/enclave-bench" --program "$build/bin/enclave" "$@"
