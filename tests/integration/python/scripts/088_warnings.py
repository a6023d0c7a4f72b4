import warnings

for f in warnings.filters:
    print(f[0], getattr(f[1], "pattern", f[1]), f[2].__name__, getattr(f[3], "pattern", f[3]), f[4])
warnings.warn("level 1")
warnings.warn("level 2", stacklevel=2)
warnings.warn("level 3", stacklevel=3)
warnings.warn("deprecated", DeprecationWarning)
warnings.warn("deprecated 2", DeprecationWarning, stacklevel=2)


def f():
    warnings.warn("in f", stacklevel=2)
    warnings.warn("resource", ResourceWarning)


f()
f()
print(sorted(map(str, __warningregistry__)) if "__warningregistry__" in globals() else "-")
assert (1, "always true")
x = 1
print(x is 1)
print("\d")
