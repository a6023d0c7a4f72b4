# In the background: holds a lease on a file and never lets go by itself, so that who opens it waits.
import fcntl
import os
import signal
import time

with open("leased", "w") as f:
    f.write("x")
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    fd = os.open("leased", os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    null = os.open("/dev/null", os.O_RDWR)
    for n in (0, 1, 2):
        os.dup2(null, n)
    os.write(w, b"x")
    time.sleep(20)
    os._exit(0)
os.close(w)
os.read(r, 1)
print("held")
