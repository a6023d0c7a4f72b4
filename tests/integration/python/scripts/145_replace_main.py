import sys
import types

m = types.ModuleType("__main__")
m.x = 1
sys.modules["__main__"] = m
print(__name__)
import __main__

print(__main__.x)
__name__ = "other"
__file__ = "/made/up"


def f():
    raise ValueError(__name__)


f()
