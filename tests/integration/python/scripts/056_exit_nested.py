import sys


def f():
    try:
        sys.exit(5)
    finally:
        print("finally")


class Context:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        print("exit", exc[0].__name__, exc[1].code)


with Context():
    try:
        f()
    except Exception:
        print("not caught here")
