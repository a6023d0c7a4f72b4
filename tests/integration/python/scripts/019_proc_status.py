keys = (
    "Name Umask State TracerPid Uid Gid NSpid Threads SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb "
    "NoNewPrivs Seccomp Seccomp_filters Speculation_Store_Bypass Cpus_allowed Mems_allowed CoreDumping THP_enabled"
).split()
values = {}
with open("/proc/self/status") as f:
    for line in f:
        k, v = line.split(":", 1)
        values[k] = " ".join(v.split())
for k in keys:
    v = values.get(k)
    if k in ("Uid", "Gid"):
        v = len(set(v.split()))
    if k == "NSpid":
        v = len(v.split())
    print(k, v)
print(len(values["Groups"].split()))
