def f():
    y = 5
    breakpoint()
    return y


print(f())
