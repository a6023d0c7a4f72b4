import sys
import zipfile

with zipfile.ZipFile("lib.zip", "w") as z:
    z.writestr("zipped.py", "def f():\n    raise ValueError('in a zip')\n")
    z.writestr("__main__.py", "print('main of', __file__, __name__)\n")
sys.path.insert(0, "lib.zip")
import zipped

print(zipped.__file__, type(zipped.__loader__).__name__)
import runpy

runpy.run_path("lib.zip", run_name="__main__")
zipped.f()
