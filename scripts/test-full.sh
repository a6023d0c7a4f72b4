#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test-full.sh [CTEST ARGUMENTS...]: like .ci/run, but with the tests that CI samples (hundreds of kills, long loops) at
# full length. Takes the better part of an hour.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export ENCLAVE_TEST_FULL=1 ENCLAVE_TEST_REQUIRE=${ENCLAVE_TEST_REQUIRE:-docker,podman,bubblewrap}
for preset in dev asan tsan; do
    ENCLAVE_PRESET=$preset scripts/test.sh --timeout 3600 "$@"
done
