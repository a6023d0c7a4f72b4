import os
import signal

for s in (signal.SIGCHLD, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT):
    os.kill(os.getpid(), s)
print("still there")
os.kill(os.getpid(), signal.SIGHUP)
