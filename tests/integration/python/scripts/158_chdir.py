import os
import sys

os.mkdir("d")
open("d/in_d.py", "w").write("x = 1\n")
os.chdir("d")
print(os.getcwd(), sys.path[:2], os.path.exists(__file__))
try:
    import in_d
except ImportError as e:
    print(e)
os.remove("in_d.py")
os.rmdir("../d")
try:
    os.getcwd()
except FileNotFoundError as e:
    print(e)
raise ValueError("without a working directory")
