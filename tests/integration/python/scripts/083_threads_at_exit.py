import threading
import time


def work(name, delay):
    time.sleep(delay)
    print(name)


joined = threading.Thread(target=work, args=("joined", 0))
joined.start()
joined.join()
threading.Thread(target=work, args=("not a daemon", 0.1)).start()
threading.Thread(target=work, args=("daemon", 9), daemon=True).start()
print("end of main", sorted(t.name for t in threading.enumerate()))
