import os
import sys

os.close(1)
try:
    print("x")
except OSError as e:
    print(e, file=sys.stderr)
print(os.open("/dev/null", os.O_RDONLY), file=sys.stderr)
print("to a descriptor that cannot be written")
