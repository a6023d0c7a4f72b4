# In the background: names of the working folder change what they are, as fast as they can, for argv[1]
# seconds: a file, a link to a file outside, a FIFO, a folder, a link to a folder outside.
import os
import shutil
import sys
import time

os.makedirs("real", exist_ok=True)
if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    end = time.monotonic() + float(sys.argv[1])
    n = 0
    while time.monotonic() < end:
        n += 1
        try:
            new = f".new{n % 7}"
            kind = n % 5
            if kind == 0:
                with open(new, "w") as f:
                    f.write("inside")
            elif kind == 1:
                os.symlink("/etc/hostname", new)
            elif kind == 2:
                os.mkfifo(new)
            elif kind == 3:
                os.symlink("/proc/1/environ", new)
            else:
                os.symlink("loop", new)
            os.rename(new, "target")
            if n % 2:
                os.symlink("/etc", ".folder")
            else:
                os.mkdir(".folder")
            if os.path.isdir("folder") and not os.path.islink("folder"):
                shutil.rmtree("folder", ignore_errors=True)
            elif os.path.lexists("folder"):
                os.unlink("folder")
            os.rename(".folder", "folder")
        except OSError:
            for name in (".folder", new):
                try:
                    os.rmdir(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)
                except OSError:
                    pass
    os._exit(0)
