import atexit
import os
import sys

atexit.register(print, "atexit")
pid = os.fork()
if pid == 0:
    print("child")
    sys.exit(2)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.fork()
if pid == 0:
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
