"""A docstring."""
import sys

print(__name__, __doc__, __file__, __spec__, __package__, __cached__ if "__cached__" in globals() else "-")
print(type(__loader__).__module__, type(__loader__).__name__, __loader__.name, __loader__.path)
print(type(__builtins__).__name__, __builtins__ is sys.modules["builtins"])
print(__annotations__)
x: int = 3
print(__annotations__)
m = sys.modules["__main__"]
print(m.__dict__ is globals(), m.x, repr(m))
