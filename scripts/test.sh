#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [CTEST ARGUMENTS...]: install what is missing, build, start the engines, run the tests.
#
# Environment: ENCLAVE_PRESET, one of CMakePresets.json (dev; asan; tsan). ENCLAVE_TEST_REQUIRE, components separated by
# commas ("docker,podman") whose absence fails a test instead of skipping it. ENCLAVE_TEST_FULL=1, for the long tests at full
# length.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ENCLAVE_SOURCE"

preset=${ENCLAVE_PRESET:-dev}
started=$SECONDS
install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
fetch_program docker-registry docker-registry

say "building preset $preset"
cmake --preset "$preset" --log-level=WARNING >&2
cmake --build --preset "$preset" "$(jobs_flag)" >&2

scripts/engines.sh start docker podman podman-rootless

# ThreadSanitizer's shadow memory wants the address space as it is without (much) randomisation.
run=(ctest --preset "$preset" --output-on-failure "$@")
if [ "$preset" = tsan ] && setarch -R true 2>/dev/null; then
    run=(setarch -R "${run[@]}")
fi

say "testing, $((SECONDS - started)) s after the start"
with_engine "${run[@]}"
