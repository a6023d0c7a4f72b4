# Makes empty files until that is refused, or for as many as were asked for.
import errno
import os
import sys

os.mkdir("/tmp/many")
folder = os.open("/tmp/many", os.O_RDONLY)
made = 0
try:
    while made < int(sys.argv[1]):
        os.close(os.open(f"f{made}", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        made += 1
except OSError as e:
    print("refused", errno.errorcode[e.errno])
print("made", made)
