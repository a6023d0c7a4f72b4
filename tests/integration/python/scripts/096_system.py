import os

print(os.system("echo from system; exit 3"))
print(os.popen("echo from popen").read())
print(os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "exit 6"))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "echo spawned"], os.environ)
print(os.waitpid(pid, 0)[1])
print(os.get_terminal_size.__name__)
try:
    os.get_terminal_size()
except OSError as e:
    print(e)
print(os.cpu_count() == len(os.sched_getaffinity(0)), os.uname().sysname)
