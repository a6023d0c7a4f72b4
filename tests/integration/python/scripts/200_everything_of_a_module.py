# Modules that were there before the script are the ones that it gets, whole.
import importlib
import sys

for name in sorted(set(sys.modules) - {"__main__"}):
    module = importlib.import_module(name)
    names = [n for n in dir(module) if not n.startswith("__")]
    print(name, len(names), sys.modules[name] is module, hasattr(module, "__spec__") and getattr(module.__spec__, "name", None))
