import atexit
import sys


class Exits:
    def __call__(self):
        sys.exit(9)

    def __repr__(self):
        return "<exits>"


atexit.register(lambda: print("first registered"))
atexit.register(Exits())
atexit.register(lambda: print("last registered"))
print("end")
