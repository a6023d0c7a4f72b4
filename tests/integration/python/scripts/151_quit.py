import sys

try:
    quit(4)
finally:
    print(sys.stdin.closed)
