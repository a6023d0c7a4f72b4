import runpy
import sys

open("other.py", "w").write("import sys\nprint(__name__, __file__, sys.argv, __spec__ and __spec__.name, __package__, __cached__)\nx = 5\n")
print(runpy.run_path("other.py")["x"])
runpy.run_path("other.py", run_name="__main__")
print(runpy.run_module("other", alter_sys=False)["__name__"])
print(sys.argv, __name__)
runpy.run_path(__file__ + ".missing")
