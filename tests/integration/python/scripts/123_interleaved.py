import os
import sys

for i in range(200):
    print("text", i)
    os.write(1, b"raw %d\n" % i)
    sys.stderr.write(f"err {i}\n")
    os.write(2, b"raw err %d\n" % i)
