import atexit
import os
import sys
import threading


class Last:
    def __del__(self):
        os.write(1, b"at the very end\n")


threading._register_atexit(print, "threading's atexit") if hasattr(threading, "_register_atexit") else None
late = Last()
atexit.register(lambda: print("is finalizing", sys.is_finalizing()))
