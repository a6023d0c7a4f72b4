# Floods a stream (argv[1]: 1 or 2) with argv[2] MiB and no newline.
import os
import sys

fd = int(sys.argv[1].split()[0])
block = b"x" * (1 << 20)
for _ in range(int(sys.argv[1].split()[1])):
    at = 0
    while at < len(block):
        at += os.write(fd, block[at:])
