# The directory has been looked at before: what is made afterwards is to be found.
import importlib
import time

try:
    import appears
except ImportError as e:
    print(e)
open("appears.py", "w").write("x = 1\n")
importlib.invalidate_caches()
import appears

print(appears.x)
