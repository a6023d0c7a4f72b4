import os
import threading


def f():
    pid = os.fork()
    if pid == 0:
        print("child", threading.current_thread().name, threading.active_count(), threading.main_thread().name)
        os._exit(3)
    print("parent", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


t = threading.Thread(target=f)
t.start()
t.join()
