#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# soak.sh [OPTION]...: build for release, and keep a manager under load for half an hour, with one payload in twenty that
# misbehaves. Prints a table of samples; exit code 0 when every call came to what it must and nothing grew.
#
#   scripts/soak.sh                                      # 30 minutes, in Docker
#   scripts/soak.sh --backend bubblewrap --minutes 10    # --help lists the options
set -euo pipefail
cd "$(dirname "$0")/.."
build=build-bench
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C "$build" enclave-soak enclave_agent backend_docker backend_podman backend_bubblewrap tool_python_executor \
    tool_shell_executor tool_file_operation >/dev/null
case " $* " in
*' --help '* | *' -h '* | *' bubblewrap '* | *'=bubblewrap '*) ;; # needs no engine
*) scripts/engines.sh start >&2 ;;
esac
ENCLAVE_PLUGIN_PATH=$PWD/$build/lib/enclave exec "$build/tests/enclave-soak" "$@"
