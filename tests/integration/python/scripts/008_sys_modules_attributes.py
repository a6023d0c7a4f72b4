# What a module that was loaded at start says about itself.
import sys

for name, module in sorted(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    print(
        name,
        getattr(module, "__name__", None),
        getattr(module, "__file__", None),
        spec and spec.origin,
        type(getattr(module, "__loader__", None)).__name__,
    )
