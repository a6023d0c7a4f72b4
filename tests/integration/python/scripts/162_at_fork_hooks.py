import os

seen = []
for when in ("before", "after_in_parent", "after_in_child"):
    os.register_at_fork(**{when: lambda when=when: seen.append(when)})
pid = os.fork()
if pid == 0:
    print("child", seen)
    os._exit(0)
os.waitpid(pid, 0)
print("parent", seen)
