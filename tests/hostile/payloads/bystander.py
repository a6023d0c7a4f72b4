# Holds a process that it has stopped itself: nobody else shall wake it before it does so, which is when there is a file `wake`.
import os
import signal
import time

held = os.fork()
if held == 0:
    os.kill(os.getpid(), signal.SIGSTOP)
    print("woken", flush=True)
    os._exit(0)
os.waitpid(held, os.WUNTRACED)
print("stopped", flush=True)
while not os.path.exists("/sandbox/wake"):
    time.sleep(0.02)
print("it is" if os.waitpid(held, os.WUNTRACED | os.WNOHANG | os.WCONTINUED) == (0, 0) else "it was not", flush=True)
os.kill(held, signal.SIGCONT)
os.waitpid(held, 0)
