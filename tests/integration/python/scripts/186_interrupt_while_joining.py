import os
import signal
import threading
import time

t = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
t.start()
try:
    time.sleep(10)
except KeyboardInterrupt:
    print("interrupted")
t.join()
os.kill(os.getpid(), signal.SIGINT)
time.sleep(10)
