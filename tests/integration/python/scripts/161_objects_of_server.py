# Nothing of another interpreter's work lies about: no sockets, no open files, no functions of a program that is not this one.
import gc
import types

known = ("<frozen", "<string>", "<attrs", "/usr/", "<__array_function__")
strange = set()
for o in gc.get_objects():
    if isinstance(o, types.FunctionType):
        name = o.__code__.co_filename
        if not name.startswith(known) and not name.endswith("/script.py"):
            strange.add(name)
    elif type(o).__name__ in ("socket", "_CFuncPtr"):
        strange.add(repr(o))
print(sorted(strange))
import sys

print(sorted(n for n in sys.modules if sys.modules[n] is None))
