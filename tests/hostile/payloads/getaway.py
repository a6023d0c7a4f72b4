# Ways to outlive a timeout; argv[1] is one of them. Each says "there" before.
import ctypes
import os
import signal
import sys
import time

way = sys.argv[1]


def forever():
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    print("there", flush=True)
    while True:
        time.sleep(1)


if way == "setsid":  # holds stdout
    if os.fork() == 0:
        os.setsid()
        forever()
elif way == "double-fork":  # holds stdout, and nobody waits for it
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            forever()
        os._exit(0)
    os.wait()
elif way == "sigterm":
    forever()
elif way == "sigstop":
    print("there", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
elif way == "spin":
    print("there", flush=True)
    while True:
        pass
elif way == "spinners":
    for _ in range(200):
        if os.fork() == 0:
            while True:
                pass
    print("there", flush=True)
    while True:
        pass
elif way == "subreaper":  # takes the orphans to itself, dies first, and wants no signal of its parent
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1)
    libc.prctl(4, 0)
    libc.prctl(1, 0)
    if os.fork() == 0:
        if os.fork() == 0:
            forever()
        os._exit(0)
    time.sleep(60)
elif way == "blocked-write":  # into a pipe that nobody reads
    r, w = os.pipe()
    print("there", flush=True)
    while True:
        os.write(w, b"x" * 65536)
elif way == "vfork":  # the parent waits where no signal but SIGKILL reaches it
    libc = ctypes.CDLL(None)
    print("there", flush=True)
    if libc.syscall(56, 0x4000 | 17, 0, 0, 0, 0) == 0:  # clone(CLONE_VFORK)
        while True:
            time.sleep(1)
elif way == "traced":  # stopped in the hands of a tracer
    libc = ctypes.CDLL(None)
    child = os.fork()
    if child == 0:
        libc.ptrace(0, 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        forever()
    os.waitpid(child, os.WUNTRACED)
    print("there", flush=True)
    time.sleep(60)
