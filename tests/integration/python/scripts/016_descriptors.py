import os
import stat

for fd in range(64):
    try:
        st = os.fstat(fd)
    except OSError:
        continue
    print(fd, stat.S_IFMT(st.st_mode) == stat.S_IFIFO, oct(st.st_mode), os.get_inheritable(fd), os.get_blocking(fd))
import fcntl

for fd in range(3):
    print(fd, fcntl.fcntl(fd, fcntl.F_GETFD), fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE)
    print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND, fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)
fd = os.open("/dev/null", os.O_RDONLY)
print(fd)
print(sorted(int(x) for x in os.listdir("/proc/self/fd")))
