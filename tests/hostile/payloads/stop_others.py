# In the background: stops every process of its user that it can, over and over.
import os
import signal
import sys
import time

if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    while os.getppid() != 1:  # the main process shall end by itself
        time.sleep(0.001)
    number = getattr(signal, sys.argv[1])
    end = time.monotonic() + 8
    while time.monotonic() < end:
        try:
            os.kill(-1, number)
        except OSError:
            pass
    os._exit(0)
