import resource
import sys
import threading

print(resource.getrlimit(resource.RLIMIT_STACK), threading.stack_size())
sys.setrecursionlimit(100000)


class A:
    def __getattr__(self, name):
        return getattr(self, name + "x") if len(name) < 600 else 1


print(A().a)
import re

print(len(re.sub("(?:a|b)*c", "", "ab" * 10000 + "c")))
