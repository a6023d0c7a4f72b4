import os

print(open("/proc/self/oom_score_adj").read())
print(open("/proc/self/comm").read(), open("/proc/self/loginuid").read() if os.path.exists("/proc/self/loginuid") else "")
for name in ("mem", "environ", "maps", "fd", "auxv", "stat", "syscall", "limits", "io", "stack", "pagemap", "task"):
    path = "/proc/self/" + name
    st = os.stat(path)
    print(name, oct(st.st_mode), st.st_uid == os.getuid(), st.st_gid == os.getgid(), os.access(path, os.R_OK), os.access(path, os.W_OK))
with open("/proc/self/mem", "r+b", buffering=0) as f:
    import ctypes

    b = ctypes.create_string_buffer(b"before")
    f.seek(ctypes.addressof(b))
    print(f.read(6))
    f.seek(ctypes.addressof(b))
    f.write(b"AFTER!")
    print(b.value)
print(os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root"), os.readlink("/proc/self/exe"))
print(open("/proc/self/limits").read())
print(open("/proc/self/cgroup").read() == open("/proc/1/cgroup").read())
for name in sorted(os.listdir("/proc/self/ns")):
    print(name, bool(os.readlink("/proc/self/ns/" + name)))
print(open("/proc/self/cmdline", "rb").read().count(b"python3") >= 1)
print(open("/proc/self/coredump_filter").read(), open("/proc/self/timerslack_ns").read() if os.access("/proc/self/timerslack_ns", os.R_OK) else "")
