#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check-dependencies.sh [SOURCE FOLDER]: the dependency rule. apps/, plugins/ and examples/ include of ours only
# <enclave/...> and their own files; a plugin's own are those of its folder and of what its kind shares
# (plugins/backends/agent, engine, local and container, plugins/tools/common); core/ includes nothing of either and knows no backend or
# tool by name; late/ includes only itself, and may be included by all but public headers and examples; public headers
# include public headers only. Prints each breach as FILE:LINE, and fails when there is one.
set -euo pipefail
cd "${1:-"$(dirname "${BASH_SOURCE[0]}")/.."}"

breaches=0
breach() {
    printf '%s\n' "$1"
    breaches=$((breaches + 1))
}

# c_files FOLDER...: its sources and headers.
c_files() {
    find "$@" -name '*.[ch]' 2>/dev/null | sort
}

# quoted_includes FILE: LINE:NAME for each #include "NAME".
quoted_includes() {
    { grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$1" || true; } |
        sed -E 's/^([0-9]+):[^"]*"([^"]+)".*/\1:\2/'
}

# Paths of what can be included, by the last part of their names: "\nPATH\nPATH...\n".
declare -A headers
while IFS= read -r path; do
    headers[${path##*/}]=${headers[${path##*/}]:-$'\n'}$path$'\n'
done < <(find include late core plugins apps examples -type f 2>/dev/null | sort)

# resolve FILE NAME FOLDER...: sets `resolved` to the file that FILE means by "NAME", as the compiler would: beside it, else
# in an include folder of its owner, which is any below FOLDER.
resolve() {
    local file=$1 name=$2 folder path
    shift 2
    resolved=
    if [ -e "${file%/*}/$name" ]; then
        resolved=${file%/*}/$name
        case $name in *..*) resolved=$(realpath --relative-to=. "$resolved") ;; esac
        return
    fi
    for folder in "$@"; do
        for path in ${headers[${name##*/}]:-}; do
            case $path in "$folder"/*"$name") resolved=$path && return ;; esac
        done
    done
}

# check_own FILE FOLDER...: every quoted include of FILE is a file below one of the folders.
check_own() {
    local file=$1 line name path folder own resolved
    shift
    while IFS=: read -r line name; do
        resolve "$file" "$name" "$@"
        path=$resolved
        own=
        for folder in "$@"; do
            case $path in "$folder"/*) own=1 ;; esac
        done
        # What is nowhere in the tree is made by the build of its folder.
        if [ -z "$path" ]; then
            resolve "$file" "$name" include late core plugins apps
            [ -n "$resolved" ] || own=1
        fi
        [ -n "$own" ] || breach "$file:$line: includes \"$name\", which is not its own"
    done < <(quoted_includes "$file")
}

# check_angled FILE: <...> includes of ours are public ones.
check_angled() {
    local name
    while IFS= read -r name; do
        [ -e "include/$name" ] || breach "$1: includes <$name>, which is no public header"
    done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*<(enclave\/[^>]+)>.*/\1/p' "$1")
}

check_folder() {
    local folder=$1 file
    shift
    while IFS= read -r file; do
        check_own "$file" "$folder" "$@"
        check_angled "$file"
    done < <(c_files "$folder")
}

shared=(late plugins/backends/agent plugins/backends/engine plugins/backends/local plugins/backends/container)
check_folder include/enclave
check_folder late
check_folder core late
check_folder apps late
for folder in plugins/backends/*/ plugins/tools/*/ examples/*/; do
    [ -d "$folder" ] || continue
    folder=${folder%/}
    case $folder in
    plugins/backends/agent | plugins/backends/engine) check_folder "$folder" late ;;
    plugins/backends/local) check_folder "$folder" plugins/backends/agent ;;
    plugins/backends/*) check_folder "$folder" "${shared[@]}" ;;
    plugins/tools/*) check_folder "$folder" plugins/tools/common ;;
    *) check_folder "$folder" ;;
    esac
done

# Names of backends and tools in the core, as words in code (comments may speak of them).
names=$(for folder in plugins/backends/*/ plugins/tools/*/; do
    folder=$(basename "$folder")
    case $folder in agent | engine | local | container | common | '*') ;; *) printf '%s\n%s\n' "$folder" "${folder//_/-}" ;; esac
done | sort -u | paste -sd '|')
if [ -n "$names" ]; then
    while IFS= read -r file; do
        # Comments go first; line numbers stay, since only what is inside of them is blanked.
        while IFS= read -r hit; do
            breach "$file:${hit%%:*}: the core names a backend or tool: ${hit#*:}"
        done < <(perl -0pe 's{/\*.*?\*/}{(my $c = $&) =~ s/[^\n]//g; $c}gse; s{//[^\n]*}{}g' "$file" |
            grep -nE "\"([^\"]*[^a-z0-9_-])?($names)([^a-z0-9_-][^\"]*)?\"" || true)
    done < <(c_files core)
fi

if [ "$breaches" -gt 0 ]; then
    printf 'check-dependencies.sh: %d breaches of the dependency rule\n' "$breaches" >&2
    exit 1
fi
printf 'check-dependencies.sh: the dependency rule holds\n' >&2
