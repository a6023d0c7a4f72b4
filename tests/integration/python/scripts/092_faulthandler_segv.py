import ctypes
import faulthandler
import sys

faulthandler.enable(all_threads=False)


def crash():
    ctypes.string_at(0)


if sys.version_info >= (3, 10):
    sys.stdout.write("crash\n")
crash()
