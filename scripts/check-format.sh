#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check-format.sh [--fix]: is every C file as clang-format would lay it out? With --fix, make it so.
# CLANG_FORMAT names another program than clang-format; version 14 decides where versions differ.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ENCLAVE_SOURCE"

program=${CLANG_FORMAT:-clang-format}
command -v "$program" >/dev/null || die "'$program' is not installed: apt-get install clang-format"
mapfile -d '' files < <(find include late core plugins apps tests examples -name '*.[ch]' -print0 2>/dev/null | sort -z)
[ ${#files[@]} -gt 0 ] || die "found no C files below '$PWD'"

case ${1:-} in
'') "$program" --dry-run -Werror "${files[@]}" || die "run scripts/check-format.sh --fix" ;;
--fix) "$program" -i "${files[@]}" ;;
*) die "unknown argument '$1'" ;;
esac
say "${#files[@]} files"
