import os
import signal
import subprocess
import sys

signal.signal(signal.SIGTERM, lambda *a: sys.exit("terminated"))
p = subprocess.Popen([sys.executable, "-c", "import os, signal; os.kill(os.getppid(), signal.SIGTERM)"])
p.wait()
signal.pause()
