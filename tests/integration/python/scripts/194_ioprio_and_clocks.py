import ctypes
import os
import time

libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(252, 1, 0))  # ioprio_get
print(os.sched_getparam(0).sched_priority, os.getpriority(os.PRIO_PGRP, 0), os.getpriority(os.PRIO_USER, os.getuid()))
print(libc.sigaltstack(None, None), time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID) < 1)
with open("/proc/self/stat") as f:
    fields = f.read().rsplit(")", 1)[1].split()
print("tty", fields[4], "priority", fields[15], "nice", fields[16], "threads", fields[17], "exit signal", fields[35], "policy", fields[38])
print(open("/proc/self/autogroup").read().split()[-1] if os.path.exists("/proc/self/autogroup") else "-")
print(os.path.exists("/proc/self/timers") and open("/proc/self/timers").read())
print([line.split()[-1] for line in open("/proc/self/maps") if line.split()[-1].endswith(".py")])
