import sys
import threading
import time

lock = threading.Lock()
lock.acquire()
for _ in range(5):
    threading.Thread(target=lock.acquire, daemon=True).start()
    threading.Thread(target=sys.stdin.read, daemon=True).start()
threading.Thread(target=lambda: [time.sleep(0.001) for _ in range(10**6)], daemon=True).start()
sys.exit(11)
