import os
import sys

print("before")
os.environ["Y"] = "1"
os.execv("/bin/sh", ["sh", "-c", "echo $Y; cat; exit 8"])
