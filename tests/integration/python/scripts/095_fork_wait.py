import os
import sys

for call in (lambda: os.waitpid(-1, 0), os.wait, lambda: os.waitpid(-1, os.WNOHANG)):
    try:
        print(call())
    except ChildProcessError as e:
        print(e)
print("before the fork")
pid = os.fork()
if pid == 0:
    print("child", os.getppid() > 1)
    sys.exit(5)
print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.fork()
if pid == 0:
    raise ValueError("in the child")
print("status", os.waitstatus_to_exitcode(os.wait()[1]))
print(os.listdir("/proc/self/task") == [str(os.getpid())])
