import threading


def f():
    raise ValueError("in a thread")


t = threading.Thread(target=f)
t.start()
t.join()
t = threading.Thread(target=f, name="named")
t.start()
t.join()
threading.excepthook = lambda args: print("hook", args.exc_type.__name__, args.thread.name)
t = threading.Thread(target=f)
t.start()
t.join()
