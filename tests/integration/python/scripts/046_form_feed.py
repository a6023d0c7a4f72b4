print("form feed")
if True:
    print("x")

