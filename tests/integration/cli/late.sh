#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# late.sh ENCLAVE - what a run that needs no HTTP and no tar does not load, whether there is an engine to ask or not; by what
# the dynamic loader itself says. Needs no engine and no bubblewrap.
. "$(dirname "$0")/common.sh"

export DOCKER_HOST=unix://$tree/none CONTAINER_HOST=unix://$tree/none
unset DOCKER_TLS_VERIFY ENCLAVE_SERVER

# loads WORD: an object whose name has WORD was loaded by the command's process.
loads() { grep -q "calling init: .*$1" "$tree/ld.$pid"; }
loads_not() { ! loads "$1"; }

export LD_DEBUG=files LD_DEBUG_OUTPUT=$tree/ld
run --backend auto run 'print(40 + 2)'
check 'says what it did' [ -s "$tree/out" -o -s "$tree/err" ]
for plugin in docker podman bubblewrap http-remote; do
    check "$plugin is asked" loads "backend-$plugin"
done
for library in curl archive microhttpd; do
    check "lib$library is not loaded" loads_not "/lib$library"
done

# An address that only libcurl can read.
DOCKER_HOST=tcp://127.0.0.1:9 run --backend docker run 'print(40 + 2)'
check 'libcurl is loaded' loads /libcurl
check 'and has tried' grep -q 'cannot reach Docker at tcp://127.0.0.1:9' "$tree/err"

finish
