import os
import signal
import time

seen = []
signal.signal(signal.SIGCHLD, lambda n, f: seen.append(n))
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
time.sleep(0.01)
print(seen)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    os._exit(0)
try:
    os.wait()
except ChildProcessError as e:
    print(e)
