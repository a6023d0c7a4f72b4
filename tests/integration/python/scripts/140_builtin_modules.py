import _ctypes
import _json
import _posixsubprocess
import _socket
import _struct
import array
import ctypes
import fcntl
import grp
import json
import math
import mmap
import pwd
import re
import select
import signal
import socket
import struct
import zlib

print(ctypes.CDLL(None).getpid() > 0, ctypes.sizeof(ctypes.c_long), array.array("i", [1, 2]).tobytes())
a, b = socket.socketpair()
a.send(b"ping")
print(select.select([b], [], [], 1)[0] == [b], b.recv(10), socket.gethostname() != "")
p = select.epoll()
p.register(b, select.EPOLLIN)
print(p.poll(0), p.fileno() > 2)
print(struct.pack("<IH", 1, 2), re.findall(r"\d+", "a1b22"), json.dumps({"a": [1, None]}), zlib.crc32(b"x"), math.pi)
cb = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x + 1)
print(cb(41))
try:
    print(pwd.getpwuid(__import__("os").getuid()))
except KeyError:
    print("no such user")
