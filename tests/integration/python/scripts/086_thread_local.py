import threading

local = threading.local()
local.x = 1
print(local.__dict__, hasattr(threading.local(), "x"))
lock = threading.Lock()
with lock:
    print(lock.locked())
seen = []
threads = [threading.Thread(target=lambda: (setattr(local, "x", 2), seen.append(local.x))) for _ in range(20)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(local.x, seen, threads[0].name, threads[-1].name)
barrier = threading.Barrier(3)
ts = [threading.Thread(target=barrier.wait) for _ in range(2)]
[t.start() for t in ts]
barrier.wait()
[t.join() for t in ts]
timer = threading.Timer(0.01, print, ["timer"])
timer.start()
timer.join()
