# Ways out with what an image has on board.
try() {
    if "$@" >/dev/null 2>&1 </dev/null; then
        echo "BREACH $*"
    fi
}
put() {
    if (echo x >"$1") 2>/dev/null; then
        echo "BREACH wrote $1"
    fi
}
try unshare -U true
try unshare -r true
try unshare -m true
try chroot / true
try mount -t tmpfs none /tmp
try su -c true
try newgrp root
try sg root true
try dd if=/proc/1/mem of=/dev/null count=1
try cat /proc/1/environ
try ls /proc/1/fd
try ls /proc/1/root/
try cp /proc/1/exe /tmp/agent
put /proc/1/fd/1
put /proc/1/mem
put /proc/1/oom_score_adj
put /proc/sys/kernel/core_pattern
put /proc/sys/vm/drop_caches
put /proc/sysrq-trigger
put /run/enclave-agent
put /etc/ld.so.preload
put /usr/local/bin/python3
[ "$(tail -n +3 /proc/net/dev | grep -cv ' *lo:')" = 0 ] || echo "BREACH an interface that is not lo"
[ -z "$(ls -A /proc/self/task/*/children 2>/dev/null)" ] || true
echo done
