import sys

s = sys.stdin.read()
print(ascii(s), s.encode("utf-8", "surrogateescape"))
print(s)
