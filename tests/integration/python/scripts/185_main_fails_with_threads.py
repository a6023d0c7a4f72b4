import threading
import time


def work():
    time.sleep(0.1)
    print("the thread ends later")


threading.Thread(target=work).start()
raise RuntimeError("main")
