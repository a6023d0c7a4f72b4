import os
import socket
import stat

for fd in range(3):
    print(fd, os.readlink(f"/proc/self/fd/{fd}").split("[")[0], stat.filemode(os.fstat(fd).st_mode))
    try:
        print(os.lseek(fd, 0, os.SEEK_CUR))
    except OSError as e:
        print(e)
    try:
        socket.socket(fileno=os.dup(fd))
    except OSError as e:
        print(e)
    print(os.fpathconf(fd, "PC_PIPE_BUF"))
import fcntl

print([fcntl.fcntl(fd, 1032) for fd in range(3)])  # F_GETPIPE_SZ
print(len({os.fstat(fd).st_ino for fd in range(3)}))
