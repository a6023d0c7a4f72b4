import atexit

atexit.register(print, "atexit")


def f():
    raise KeyboardInterrupt("by hand")


try:
    f()
finally:
    print("finally")
