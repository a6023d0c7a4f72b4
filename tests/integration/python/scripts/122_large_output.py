import sys

line = "".join(chr(33 + i % 90) for i in range(99)) + "\n"
for i in range(50):
    sys.stdout.write(line * 1000)
sys.stderr.write("e" * 1000000)
sys.stdout.write("\nend")
