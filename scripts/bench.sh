#!/usr/bin/env bash
# Build for release and measure: scripts/bench.sh [--json] [--rounds N] [--backend NAME]
# Prints a table (or JSON lines); asserts nothing. docs/performance.md explains the rows.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C "$build" enclave-bench enclave enclave_agent backend_docker tool_python_executor \
    tool_shell_executor >/dev/null
scripts/engines.sh start >&2
exec "$build/tests/enclave-bench" --program "$build/bin/enclave" "$@"
