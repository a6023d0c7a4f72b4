import sys

del sys.modules["__main__"]
print("still", __name__)
import __main__

print(__main__ is None, hasattr(__main__, "sys"))
raise ValueError("after")
