import os

with open("/dev/stdin") as f:
    print(repr(f.read()))
print(os.path.exists("/dev/fd/0"), os.path.exists("/dev/stdout"))
with open("/dev/stdout", "w") as f:
    f.write("through /dev/stdout\n")
with open("/proc/self/fd/2", "w") as f:
    f.write("through /proc/self/fd/2\n")
