print("crlf")
x = """a
b"""
print(repr(x))
def f():
    raise ValueError(x)
f()
