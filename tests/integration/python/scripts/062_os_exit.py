import atexit
import os
import sys

atexit.register(print, "never")
sys.stdout.reconfigure(write_through=False, line_buffering=False)
f = open("buffered", "w")
f.write("lost")
print("out")
sys.stderr.write("err")
os._exit(7)
