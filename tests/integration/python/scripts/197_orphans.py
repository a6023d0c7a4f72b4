# An orphan is nobody's child here: its end is not seen.
import os
import time

r, w = os.pipe()
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.1)
        os.write(w, b"%d" % os.getppid())
    os._exit(0)
os.wait()
print(os.read(r, 10))
try:
    print(os.wait())
except ChildProcessError as e:
    print(e)
