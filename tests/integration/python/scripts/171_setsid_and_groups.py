import os

for call, args in (
    (os.setsid, ()),
    (os.setgroups, ([],)),
    (os.setuid, (0,)),
    (os.setgid, (0,)),
    (os.nice, (-1,)),
    (os.chroot, ("/",)),
    (os.setpgid, (0, 0)),
    (os.kill, (1, 9)),
    (os.kill, (1, 0)),
    (os.kill, (os.getppid(), 0)),
):
    try:
        call(*args)
        print(call.__name__, args, "done")
    except OSError as e:
        print(call.__name__, args, e.strerror)
print(sorted(p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid() and os.access(f"/proc/{p}/environ", os.R_OK)))
