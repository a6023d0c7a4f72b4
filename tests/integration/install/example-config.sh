#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# example-config.sh ENCLAVE SOURCE_FOLDER: config/enclave.ini sets nothing as it stands, is accepted with every setting
# in force, and has every key there is.
set -euo pipefail
enclave=$1 source=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset ENCLAVE_CONFIG
# Over the path that the example names, which is not where the plugins of a build tree are.
export ENCLAVE_PLUGIN_PATH=${enclave%/*/*}/lib/enclave

example=$source/config/enclave.ini
"$enclave" --config "$example" config --json >"$tree/out"
if grep -F "$example:" "$tree/out"; then
    printf 'the example sets something\n'
    exit 1
fi

# A setting is ";key = value"; prose has a blank behind its semicolon.
sed -E 's/^;([a-z_]+ =)/\1/' "$example" >"$tree/all.ini"
"$enclave" --config "$tree/all.ini" config --json >"$tree/out"

# Every key that the program knows comes from the file.
/usr/bin/env python3 - "$tree/out" "$tree/all.ini" <<'PYTHON'
import json, sys
rows = json.load(open(sys.argv[1]))
missing = ["[%s] %s" % (r["section"], r["key"]) for r in rows
           if not r["source"].startswith(sys.argv[2]) and r["source"] != "environment"]
if not rows or missing:
    sys.exit("not in config/enclave.ini: " + ", ".join(missing or ["anything"]))
PYTHON
