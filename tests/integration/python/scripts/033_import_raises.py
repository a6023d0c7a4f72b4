with open("raises.py", "w") as f:
    f.write("import json\njson.loads('{')\n")
import sys

try:
    import raises
except ValueError as e:
    print(e)
print("raises" in sys.modules)
import raises
