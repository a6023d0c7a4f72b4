# Fills a folder with bytes until that is refused, and says with what.
import errno
import os
import sys

folder = sys.argv[1]
block = b"x" * (1 << 20)
total = 0
try:
    with open(os.path.join(folder, "fill"), "wb", buffering=0) as f:
        while total < 4 << 30:
            total += f.write(block)
except OSError as e:
    print("refused", errno.errorcode[e.errno])
print("MiB", total >> 20)
