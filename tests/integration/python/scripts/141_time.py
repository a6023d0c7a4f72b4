import resource
import time

print(time.process_time() < 1, time.thread_time() < 1, time.perf_counter() > 0)
u = resource.getrusage(resource.RUSAGE_SELF)
print(u.ru_utime + u.ru_stime < 1, 1000 < u.ru_maxrss < 100000)
c = resource.getrusage(resource.RUSAGE_CHILDREN)
print(c.ru_utime, c.ru_stime, c.ru_maxrss, c.ru_minflt)
import os

t = os.times()
print(t.user < 1, t.children_user, t.children_system)
ticks = os.sysconf("SC_CLK_TCK")
started = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]) / ticks
print(0 <= float(open("/proc/uptime").read().split()[0]) - started < 15)
print(time.tzname, time.timezone, time.daylight, time.localtime(0)[:6])
