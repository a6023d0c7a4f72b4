import sys

print(repr(sys.stdin.readline()))
print(repr(input("prompt> ")))
for line in sys.stdin:
    print(repr(line))
    break
print(repr(sys.stdin.read()))
print(repr(sys.stdin.read()), sys.stdin.buffer.read())
