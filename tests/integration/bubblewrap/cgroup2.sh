#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cgroup2.sh BUILD_FOLDER: limits by cgroups of version 2, wherever this machine has its controllers: in a Linux of its own that
# runs as a process (user-mode-linux), on this file system, read-only. 77 without one.
set -u

# The first program of that Linux. What it says ends with "result N".
inside() {
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    case $1 in /tmp/*) mount --bind "$1" /mnt ;; esac
    mount -t tmpfs tmp /tmp
    case $1 in /tmp/*) mkdir -p "$1" && mount --move /mnt "$1" ;; esac
    mkdir /dev/shm /dev/pts
    mount -t tmpfs shm /dev/shm
    ln -s /proc/self/fd /dev/fd
    mount -t cgroup2 cgroup /sys/fs/cgroup
    ip link set lo up
    failed=0
    limits "$1" 2>&1 || failed=1
    echo "result $failed"
    echo o >/proc/sysrq-trigger
    sleep 60
}

# run NAME EXPECTED COMMAND...: its output, on one line.
run() {
    name=$1 expected=$2
    shift 2
    got=$("$@" 2>&1 | tr '\n' ' ')
    [ "$got" = "$expected" ] || {
        echo "FAILED: $name: '$got' instead of '$expected'"
        return 1
    }
    echo "ok: $name"
}

see='for f in memory.max memory.swap.max pids.max cpu.max; do cat /sys/fs/cgroup/$f; done'
limits() {
    enclave="$1/bin/enclave --backend bubblewrap"
    sandbox="run -q -t shell_executor -m 64m --cpus 0.5"
    wanted='67108864 0 256 50000 100000 '
    # In the root of the hierarchy, and in a group that has processes: then beside it, where limits can be.
    # shellcheck disable=SC2086
    run root "$wanted" $enclave $sandbox "$see" || return 1
    mkdir -p /sys/fs/cgroup/above/own
    echo $$ >/sys/fs/cgroup/above/own/cgroup.procs
    # shellcheck disable=SC2086
    run below "$wanted" $enclave $sandbox "$see" || return 1
    # As an ordinary user, in a group that was handed over.
    echo '+memory +pids +cpu' >/sys/fs/cgroup/cgroup.subtree_control
    mkdir -p /sys/fs/cgroup/user/own
    for file in . own cgroup.procs cgroup.subtree_control own/cgroup.procs; do
        chown 4321:4321 "/sys/fs/cgroup/user/$file"
    done
    echo $$ >/sys/fs/cgroup/user/own/cgroup.procs
    # shellcheck disable=SC2086
    run user "$wanted" setpriv --reuid=4321 --regid=4321 --clear-groups $enclave $sandbox "$see" || return 1
    run 'nothing is left' '' find /sys/fs/cgroup -name 'enclave-*' || return 1
    ENCLAVE_TEST_REQUIRE=bubblewrap "$1/bin/enclave-conformance" --backend bubblewrap --config /dev/null --jobs 2 \
        --timeout 120 --only 'limits.*'
}

if [ "${1:-}" = --inside ]; then
    inside "$2"
    exit
fi
uml=$(command -v linux.uml) || {
    case ,${ENCLAVE_TEST_REQUIRE:-}, in
    *,user-mode-linux,*) echo 'failed: linux.uml is not installed'; exit 1 ;;
    *) echo 'skipped: linux.uml is not installed'; exit 77 ;;
    esac
}
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
said=$(TMPDIR=${TMPDIR:-/tmp} "$uml" mem=2048M root=/dev/root rootfstype=hostfs rootflags=/ ro quiet con=null con0=null,fd:1 \
    init="$script" -- --inside "$1" </dev/null 2>/dev/null)
printf '%s\n' "$said"
printf '%s\n' "$said" | tr -d '\r' | grep -qx 'result 0'
