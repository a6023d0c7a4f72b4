import os
import subprocess

script = (
    "grep -E '^(Sig(Blk|Ign|Cgt)|NoNewPrivs|Seccomp|Groups|Cap|Umask|Name)' /proc/self/status | sed 's/^Groups.*[0-9].*/Groups/';"
    "ls /proc/self/fd | wc -l; ulimit -a; cat /proc/self/oom_score_adj; nice"
)
print(subprocess.run(["sh", "-c", script], capture_output=True, text=True))
print(subprocess.run(["sh", "-c", script], capture_output=True, text=True, close_fds=False, restore_signals=False).stdout)
print(os.popen("cat /proc/self/environ | tr '\\0' '\\n' | grep -v HOSTNAME | sort").read())
