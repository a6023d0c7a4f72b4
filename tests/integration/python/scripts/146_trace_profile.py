import sys

lines = []


def trace(frame, event, arg):
    lines.append((event, frame.f_lineno, frame.f_code.co_name))
    return trace


def f(x):
    y = x + 1
    return y


sys.settrace(trace)
f(1)
sys.settrace(None)
print(lines)
calls = []
sys.setprofile(lambda frame, event, arg: calls.append((event, frame.f_code.co_name)))
f(2)
sys.setprofile(None)
print(calls)
import cProfile
import pstats

p = cProfile.Profile()
p.runcall(f, 3)
print(pstats.Stats(p).total_calls)
import tracemalloc

print(tracemalloc.is_tracing())
