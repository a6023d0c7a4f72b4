import sys


class Bad:
    def __del__(self):
        raise ValueError("in __del__")


def hook(u):
    print("unraisable", u.exc_type.__name__, u.exc_value, u.err_msg, u.object.__name__)


sys.unraisablehook = hook
b = Bad()
del b
sys.unraisablehook = sys.__unraisablehook__
