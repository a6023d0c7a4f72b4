#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# symbols.sh ENCLAVE_H LIBENCLAVE PLUGIN_FOLDER: the library exports what enclave.h declares, no more and no less; a plugin
# exports its descriptor alone and does not link to the library.
set -euo pipefail
header=$1 library=$2 plugins=$3
failed=0

exported() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u
}

declared=$(tr '\n' ' ' <"$header" | grep -oE 'ENCLAVE_API [^;(]*\(' | grep -oE 'enclave_[a-z_]+ ?\($' | tr -d ' (' | sort -u)
[ "$(wc -l <<<"$declared")" -gt 20 ] || { printf 'found no declarations in %s\n' "$header"; exit 1; }
diff --label declared <(printf '%s\n' "$declared") --label exported <(exported "$library") || failed=1

count=0
for plugin in "$plugins"/*.so; do
    [ -e "$plugin" ] || continue
    count=$((count + 1))
    symbols=$(exported "$plugin")
    [ "$symbols" = enclave_plugin ] || { printf '%s exports: %s\n' "$plugin" "$symbols"; failed=1; }
    if readelf -d "$plugin" | grep -q 'NEEDED.*libenclave'; then
        printf '%s links to libenclave\n' "$plugin"
        failed=1
    fi
done
[ "$count" -gt 0 ] || { printf 'no plugins in %s\n' "$plugins"; failed=1; }
exit $failed
