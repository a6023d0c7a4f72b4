import io
import os

w = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "wb", closefd=False)), encoding="utf-8")
w.write("lost")
print("kept")
os._exit(0)
