#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# dependencies.sh SOURCE_FOLDER: the dependency rule holds, and its check sees each kind of breach.
set -euo pipefail
source=$1
check=$source/scripts/check-dependencies.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

"$check" "$source" || failed=1

# fresh: a small tree that keeps the rule.
fresh() {
    rm -rf "${tree:?}"/*
    mkdir -p "$tree"/include/enclave "$tree"/late "$tree"/core "$tree"/apps/enclave "$tree"/plugins/backends/{agent/client,docker} \
        "$tree"/plugins/tools/shell_executor
    printf '#include <stdint.h>\n' >"$tree/include/enclave/types.h"
    printf '#include "types.h"\n' >"$tree/include/enclave/tool.h"
    printf '#include <enclave/tool.h>\n' >"$tree/late/late.h"
    printf '#include "late.h"\n' >"$tree/core/sandbox.h"
    : >"$tree/plugins/backends/agent/client/agent.h"
    : >"$tree/plugins/backends/docker/docker.h"
    printf '#include "sandbox.h"\n/* such as docker: "docker" */\n' >"$tree/core/sandbox.c"
    printf '#include "docker.h"\n#include "agent.h"\n#include "late.h"\n#include <enclave/tool.h>\n' >"$tree/plugins/backends/docker/plugin.c"
}

# sees FILE LINE: with LINE added to FILE, the check fails and names the file.
sees() {
    fresh
    printf '%s\n' "$2" >>"$tree/$1"
    if "$check" "$tree" >"$tree/out" 2>/dev/null || ! grep -qF "$1" "$tree/out"; then
        printf 'not seen in %s: %s\n' "$1" "$2"
        failed=1
    fi
}

fresh
"$check" "$tree" || { printf 'a tree that keeps the rule is refused\n'; failed=1; }
sees core/sandbox.c '#include "agent.h"'
sees core/sandbox.c '#include "../plugins/backends/docker/docker.h"'
sees core/sandbox.c 'const char *backend = "docker";'
sees core/sandbox.c 'const char *text = "use shell_executor here";'
sees apps/enclave/main.c '#include "../../core/sandbox.h"'
sees plugins/backends/docker/plugin.c '#include "sandbox.h"'
sees plugins/backends/docker/plugin.c '#include <enclave/internal.h>'
sees plugins/tools/shell_executor/plugin.c '#  include "../../backends/docker/docker.h"'
sees plugins/backends/agent/client/agent.h '#include "docker.h"'
sees include/enclave/tool.h '#include "sandbox.h"'
sees include/enclave/tool.h '#include "late.h"'
sees late/late.h '#include "sandbox.h"'
exit $failed
