class Odd(Exception):
    def __str__(self):
        raise ValueError("no text")


class Inner:
    class Deep(Exception):
        pass


import traceback

try:
    raise Inner.Deep("x", 3)
except Inner.Deep:
    traceback.print_exc()
raise Odd
