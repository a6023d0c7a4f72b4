import importlib
import os
import sys

open("changing.py", "w").write("x = 1\n")
import changing

print(changing.x)
open("changing.py", "w").write("x = 22222\n")
importlib.invalidate_caches()
importlib.reload(changing)
print(changing.x)
import json

print(importlib.reload(json) is json)
try:
    importlib.reload(sys.modules["__main__"])
except Exception as e:
    print(type(e).__name__, e)
