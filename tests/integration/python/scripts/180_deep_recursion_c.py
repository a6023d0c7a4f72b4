import sys

x = []
for _ in range(100000):
    x = [x]
try:
    repr(x)
except RecursionError as e:
    print(e)
try:
    eval("-" * 100000 + "1")
except (RecursionError, MemoryError, SyntaxError) as e:
    print(type(e).__name__, e)
del x
sys.setrecursionlimit(30000)


def f(n):
    return n and f(n - 1)


print(f(25000))
