def g(name):
    try:
        yield 1
        yield 2
    finally:
        print("closed", name)


one = g("one")
next(one)
for x in g("two"):
    break
print("end")
