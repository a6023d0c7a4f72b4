#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# readme.sh FOLDER: of the source tree, or of the documents of an installation, which are placed alike. The program in
# README.md is examples/embed/main.c, which the test of the installation builds and runs; of the latter, the comment at
# its head is left out. And what the documents point at exists.
set -euo pipefail
cd "$1"
failed=0

shown=$(awk '/^```c$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md)
program=$(sed -n '/^#include/,$p' examples/embed/main.c)
[ -n "$shown" ] || { printf 'README.md shows no C program\n'; failed=1; }
diff --label README.md <(printf '%s\n' "$shown") --label examples/embed/main.c <(printf '%s\n' "$program") || failed=1

# Links to files, [text](path#anchor).
mapfile -t documents < <(printf '%s\n' README.md CHANGELOG.md && find docs include late plugins examples -name '*.md')
for document in "${documents[@]}"; do
    while IFS= read -r link; do
        path=$(dirname "$document")/${link%%#*}
        [ -e "$path" ] || { printf '%s: %s does not exist\n' "$document" "$link"; failed=1; }
    done < <(grep -oE '\]\([^)]+\)' "$document" | sed -E 's/^\]\(//; s/\)$//' | grep -vE '^(https?:|#)' || true)
done
exit $failed
