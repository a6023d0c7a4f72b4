import sys

sys.stdout.buffer.write(bytes(range(256)))
sys.stderr.buffer.write(bytes(range(255, -1, -1)))
sys.stdout.write("text\n")
sys.stdout.buffer.flush()
print("\0nul\r\n", end="")
print("a", "b", sep="|", end="!\n", flush=True)
