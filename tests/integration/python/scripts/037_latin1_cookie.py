# -*- coding: latin-1 -*-
print(ascii("grüß"))
print("grüß")
def f():
    raise ValueError("grüß")
f()
