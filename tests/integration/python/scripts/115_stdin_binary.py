import hashlib
import os
import sys

print(sys.stdin.buffer.read(3), os.read(0, 4))
print(sys.stdin.buffer.peek(1)[:1] != b"", sys.stdin.isatty())
rest = sys.stdin.buffer.read()
print(len(rest), hashlib.sha256(rest).hexdigest())
try:
    sys.stdin.write("x")
except Exception as e:
    print(type(e).__name__, e)
os.lseek(0, 0, os.SEEK_SET)
