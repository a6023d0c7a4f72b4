print("with a BOM")
print(open(__file__, "rb").read()[:3])
1/0
