import sys

sys.tracebacklimit = 1


def f():
    try:
        {}[1]
    except KeyError:
        raise OSError(2, "made up", "name") from None


f()
