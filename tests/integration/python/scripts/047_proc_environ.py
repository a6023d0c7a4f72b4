# A process may read its own, whatever it was before.
with open("/proc/self/environ", "rb") as f:
    print(b"PATH=" in f.read())
