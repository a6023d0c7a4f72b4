#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# headers.sh INCLUDE_FOLDER CC CXX: does each public header compile alone, in each language it promises, without a
# warning? And do all of them together, the way programs and plugins use them?
set -euo pipefail
include=$1 cc=$2 cxx=$3
here=$(cd "$(dirname "$0")" && pwd)
flags=(-Wall -Wextra -Wshadow -pedantic -Werror -fsyntax-only -I "$include")
failed=0

# check NAME LINES: compile LINES as each language.
check() {
    local compiler
    for compiler in "$cc -std=c99 -x c" "$cc -std=c17 -x c" "$cxx -std=c++17 -x c++"; do
        # shellcheck disable=SC2086 # the compiler with its arguments
        if ! printf '%s\n' "$2" | $compiler "${flags[@]}" -; then
            printf '%s: does not compile with %s\n' "$1" "$compiler"
            failed=1
        fi
    done
}

count=0
for header in "$include"/enclave/*.h; do
    # Twice: its include guard holds.
    line="#include <enclave/$(basename "$header")>"
    check "$header" "$line"$'\n'"$line"$'\nextern int not_empty;'
    count=$((count + 1))
done
[ "$count" -ge 7 ] || { printf 'only %d headers in %s\n' "$count" "$include"; exit 1; }
check "$here/consumer.h" "#include \"$here/consumer.h\""

# Every struct that the headers lay open is pinned.
while read -r name; do
    grep -q "^STRUCT($name, " "$here/layout.def" || { printf 'struct %s is not in layout.def\n' "$name"; failed=1; }
done < <(sed -nE 's/^struct (enclave_[a-z_]+) \{$/\1/p' "$include"/enclave/*.h)
exit $failed
