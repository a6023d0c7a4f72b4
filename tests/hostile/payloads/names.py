# Names that are no good text, and things that are no files.
import os
import socket

for name in (b"new\nline", b"esc\x1b[31m", b"not\xff\xfeutf8", b"q'uote\"", b"x" * 255, b"\xc2\x85nel", b"-rf"):
    with open(name, "w") as f:
        f.write("x")
os.mkfifo("fifo")
s = socket.socket(socket.AF_UNIX)
s.bind("socket")
os.symlink("/proc/self/fd/1", "stdout")
os.symlink("nowhere\n", "dangling")
os.utime("-rf", (-(1 << 40), 1 << 50))
deep = os.open(".", os.O_RDONLY)
print("made")
