import os

pid = os.getpid()
print(os.getppid(), os.getpgrp() == pid, os.getsid(0) == pid, os.getpgid(0) == pid)
print(pid == int(os.readlink("/proc/self")))
print(os.getresuid() == (os.getuid(),) * 3, os.getresgid() == (os.getgid(),) * 3, os.getuid() != 0)
print(len(os.getgroups()), os.getgroups()[0] != os.getgid())
for call in (os.tcgetpgrp, os.ttyname):
    try:
        print(call(0))
    except OSError as e:
        print(call.__name__, e.strerror)
try:
    print(os.getlogin())
except OSError as e:
    print(e.strerror)
try:
    print(os.ctermid(), open("/dev/tty"))
except OSError as e:
    print(e.strerror)
