import os

pids = []
for i in range(30):
    pid = os.fork()
    if pid == 0:
        os._exit(i)
    pids.append(pid)
codes = {}
while True:
    try:
        pid, status = os.wait()
    except ChildProcessError:
        break
    codes[pid] = os.waitstatus_to_exitcode(status)
print([codes.pop(p) for p in pids], codes)
