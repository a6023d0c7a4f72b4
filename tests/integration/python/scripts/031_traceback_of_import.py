import os

with open("broken_module.py", "w") as f:
    f.write("def run():\n    return inner()\n\n\ndef inner():\n    raise LookupError('from a module')\n")
import broken_module

print(broken_module.__file__, broken_module.__spec__.origin, broken_module.__cached__)
print(os.path.exists("__pycache__") and sorted(os.listdir("__pycache__")))
broken_module.run()
