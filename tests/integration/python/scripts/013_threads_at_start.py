import _thread
import os
import threading

t = threading.main_thread()
print(t.name, t.daemon, t.is_alive(), t is threading.current_thread(), threading.active_count())
print(t.ident == _thread.get_ident(), t.native_id == os.getpid(), threading.get_native_id() == os.getpid())
print([x.name for x in threading.enumerate()], type(t).__name__)
print(threading.excepthook is threading.__excepthook__, threading.stack_size())
print(_thread._count())
print(len(os.listdir("/proc/self/task")))
