# Says "alone" when in many looks in a row nobody but the agent, what it runs (a fork server, a subreaper) and this
# process is there; else, after a second, who is. A name in /proc counts even if its process is gone when it is asked for: that is what
# a chain of forks looks like.
import os
import time


def agents(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            if "\nUid:\t0\t0\t0\t" in f.read():
                return True
        os.readlink(f"/proc/{pid}/exe")
    except PermissionError:  # where it has the uid of payloads, they cannot look into it
        return True
    except OSError:
        pass
    return False


def others():
    return [name for name in os.listdir("/proc")
            if name.isdigit() and int(name) != os.getpid() and not agents(name)]


def told(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[0] + ")"
    except OSError:
        return f"{pid} (gone by now)"


deadline = time.monotonic() + 1
left = []
clean = 0
while clean < 20 and time.monotonic() < deadline:
    left = others()
    clean = 0 if left else clean + 1
print("alone" if clean == 20 else "; ".join(told(pid) for pid in left) or "one that comes and goes")
