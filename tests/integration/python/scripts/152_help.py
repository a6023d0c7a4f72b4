def f(x):
    "Documented."


help(f)
