#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh: from a fresh Debian or Ubuntu to Python in a sandbox. Installs what is missing, builds into build/,
# starts an engine when none answers, and runs `print(40 + 2)`. May be run again at any time.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ENCLAVE_SOURCE"

install_packages "${BUILD_PACKAGES[@]}"

say "building into build/"
cmake --preset release --log-level=WARNING >&2
cmake --build --preset release "$(jobs_flag)" >&2

scripts/engines.sh start

say "build/bin/enclave run 'print(40 + 2)'"
with_engine build/bin/enclave run 'print(40 + 2)'
