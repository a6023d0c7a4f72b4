import os
import subprocess
import sys

open("cached.py", "w").write("x = 1\n")
import cached

print(sorted(os.listdir(".")), cached.__cached__)
sys.dont_write_bytecode = True
open("uncached.py", "w").write("x = 1\n")
import importlib

importlib.invalidate_caches()
import uncached

print(sorted(n for n in os.listdir("__pycache__") if n.startswith("un")))
print(subprocess.run([sys.executable, "-c", "import cached; print(cached.__cached__)"], capture_output=True, text=True).stdout)
import py_compile

print(py_compile.compile("uncached.py"))
