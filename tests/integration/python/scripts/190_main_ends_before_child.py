# What the child writes later still belongs to the call.
import os
import time

if os.fork() == 0:
    time.sleep(0.2)
    print("from the child", os.getppid())
    os._exit(0)
print("main ends")
