import importlib.util
import sys

print(importlib.util.find_spec("no_such_module"))
for name in ("no_such_module", "os.no_such", "json.nothing"):
    try:
        __import__(name)
    except ImportError as e:
        print(type(e).__name__, e, e.name, e.path)
try:
    from os import no_such
except ImportError as e:
    print(e)
import no_such_module
