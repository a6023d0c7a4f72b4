import os
import sys

saved = os.dup(1)
os.dup2(2, 1)
print("to stderr")
os.dup2(saved, 1)
print("to stdout", saved)
with open("file", "w+") as f:
    os.dup2(f.fileno(), 2)
    print("to a file", file=sys.stderr)
    os.system("echo from a child >&2")
    f.seek(0)
    print(repr(f.read()))
r, w = os.pipe()
os.dup2(r, 0)
os.write(w, b"line\n")
os.close(w)
print(repr(input()), repr(sys.stdin.read()))
