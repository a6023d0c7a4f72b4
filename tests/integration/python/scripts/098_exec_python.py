# Starts itself again.
import os
import sys

print(sys.argv)
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, "-u", __file__, "again"])
raise SystemExit("after " + sys.argv[1])
