import sys

seen = set()
sys.addaudithook(lambda event, args: seen.add(event))
import os

open(__file__).close()
os.listdir("/")
compile("1", "x", "eval")
eval("1")
import colorsys

print(sorted(seen))
sys.addaudithook(lambda event, args: event.startswith("cpython.") and os.write(1, event.encode() + b"\n"))
