# Uses up one thing; argv[1] says which. Says how much there was of it, and with what it ended.
import errno
import mmap
import os
import resource
import subprocess
import sys
import threading
import time

what = sys.argv[1]
got = 0


def end(e):
    name = errno.errorcode.get(getattr(e, "errno", None) or 0, type(e).__name__)
    os.write(1, f"{what} {got} {name}\n".encode())


try:
    if what == "memory":
        held = []
        while True:
            held.append(b"x" * (16 << 20))
            got += 16
    elif what == "descriptors":
        while True:
            os.open("/dev/null", os.O_RDONLY)
            got += 1
    elif what == "threads":
        stop = threading.Event()
        threading.stack_size(65536)
        while True:
            threading.Thread(target=stop.wait, daemon=True).start()
            got += 1
    elif what in ("zombies", "some-zombies"):  # as many as the limit lets be, and then so many in all
        while got < (10000 if what == "zombies" else 2000):
            try:
                if os.fork() == 0:
                    os._exit(0)
                got += 1
            except OSError:
                if got < 100:
                    raise
                os.wait()
    elif what == "sparse":
        with open("/tmp/sparse", "wb") as f:
            f.truncate(1 << 40)
            f.seek((1 << 40) - 1)
            f.write(b"x")
            got = os.stat("/tmp/sparse").st_size >> 40
    elif what == "pipes":
        while True:
            r, w = os.pipe()
            os.set_blocking(w, False)
            os.write(w, b"x" * 65536)
            got += 1
    elif what == "memfd":
        fd = os.memfd_create("x")
        while True:
            got += os.write(fd, b"x" * (1 << 20)) >> 20
    end(OSError(0, ""))
except (OSError, MemoryError, RuntimeError) as e:
    end(e)
os._exit(0)
