import os
import resource

for name in sorted(n for n in dir(resource) if n.startswith("RLIMIT_")):
    print(name, resource.getrlimit(getattr(resource, name)))
print(os.nice(0), os.getpriority(os.PRIO_PROCESS, 0))
print(os.sched_getscheduler(0), os.sched_getaffinity(0) == os.sched_getaffinity(1))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
