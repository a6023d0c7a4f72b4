import sys

depth = 0


def f():
    global depth
    depth += 1
    f()


try:
    f()
except RecursionError as e:
    print(e, 990 < depth < 1000)
sys.setrecursionlimit(200)
depth = 0
try:
    f()
except RecursionError as e:
    print(e, 190 < depth < 200)
