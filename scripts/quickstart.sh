#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh: from a fresh Debian or Ubuntu to Python in a sandbox. Installs what is missing, builds into build/, and
# runs `print(40 + 2)`: in a container where Docker or Podman answers, else by bubblewrap, which needs no engine, no root
# and no network. May be run again at any time.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ENCLAVE_SOURCE"

install_packages "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}"

say "building into build/"
cmake --preset release --log-level=WARNING >&2
cmake --build --preset release "$(jobs_flag)" >&2

say "build/bin/enclave run -v 'print(40 + 2)'"
if ! with_engine build/bin/enclave run -v 'print(40 + 2)'; then
    say "that did not work (an engine may have no image, and no way to one); by bubblewrap:"
    say "build/bin/enclave --backend bubblewrap run -v 'print(40 + 2)'"
    build/bin/enclave --backend bubblewrap run -v 'print(40 + 2)' ||
        die "no sandbox can be made here: 'build/bin/enclave doctor' says why, and what to do"
fi
