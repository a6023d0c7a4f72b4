#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# bench-server.sh [PART]...: build for release and measure `enclave serve` on the null backend: health, one_execution,
# in_flight, slow_clients; without a part all of them, in about two minutes. Asserts nothing; docs/performance.md explains.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ENCLAVE_SOURCE"
fetch_program wrk wrk
install_packages python3-jsonschema
build=$PWD/build-bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C "$build" enclave fixture_backend-null fixture_tool-run >/dev/null
export ENCLAVE_PROGRAM=$build/bin/enclave ENCLAVE_FIXTURES=$build/tests/fixtures/lib ENCLAVE_PLUGINS=$build/lib/enclave
export PYTHONDONTWRITEBYTECODE=1
exec python3 tests/bench/server.py "$@"
