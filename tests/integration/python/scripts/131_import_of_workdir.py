import os
import sys

os.makedirs("package/sub")
open("package/__init__.py", "w").write("from . import one\nprint('package', __name__, __path__)\n")
open("package/one.py", "w").write("from .sub import deep\nx = 1\n")
open("package/sub/__init__.py", "w").write("")
open("package/sub/deep.py", "w").write("from .. import one\ny = 2\nprint(one.__name__, hasattr(one, 'x'))\n")
open("package/__main__.py", "w").write("import sys\nprint(__name__, sys.argv[0], __package__)\n")
import package
from package.sub.deep import y

print(y, package.one.x, package.__spec__.submodule_search_locations)
os.mkdir("namespace")
open("namespace/inner.py", "w").write("z = 3\n")
import namespace.inner

print(namespace.inner.z, namespace.__path__, namespace.__file__)
import runpy

runpy.run_module("package", run_name="__main__", alter_sys=True)
print(sys.argv)
from .package import one
