import subprocess
import sys

print(repr(sys.stdin.readline()))
print(subprocess.run(["cat"], capture_output=True).stdout)
