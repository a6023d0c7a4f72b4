print(sorted(dir()))
print(list(globals()))
print([k for k in globals() if not k.startswith("__")])
