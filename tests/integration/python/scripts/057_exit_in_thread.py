import sys
import threading

t = threading.Thread(target=lambda: sys.exit(4))
t.start()
t.join()
print("alive")
sys.exit(6)
