import ctypes
import signal

libc = ctypes.CDLL(None, use_errno=True)
n = ctypes.c_int(-1)
print("PDEATHSIG", libc.prctl(2, ctypes.byref(n), 0, 0, 0), n.value)
print("DUMPABLE", libc.prctl(3, 0, 0, 0, 0))
print("KEEPCAPS", libc.prctl(7, 0, 0, 0, 0))
print("SECCOMP", libc.prctl(21, 0, 0, 0, 0))
print("SECUREBITS", libc.prctl(27, 0, 0, 0, 0))
print("TIMERSLACK", libc.prctl(30, 0, 0, 0, 0))
n.value = -1
print("SUBREAPER", libc.prctl(37, ctypes.byref(n), 0, 0, 0), n.value)
print("NO_NEW_PRIVS", libc.prctl(39, 0, 0, 0, 0))
print("THP_DISABLE", libc.prctl(42, 0, 0, 0, 0))
print("AMBIENT", [libc.prctl(47, 1, c, 0, 0) for c in range(3)])
print("BOUNDING", [c for c in range(41) if libc.prctl(23, c, 0, 0, 0) == 1])
name = ctypes.create_string_buffer(16)
print("NAME", libc.prctl(16, name, 0, 0, 0), name.value)
print(libc.getpid() == __import__("os").getpid())
print(libc.sched_getcpu() >= 0)
t = ctypes.c_uint(0)
print("PERSONALITY", libc.personality(ctypes.c_ulong(0xFFFFFFFF)))
