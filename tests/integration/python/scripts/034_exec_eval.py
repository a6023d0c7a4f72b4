exec("a = 1\nprint(a, __name__)")
print(eval("a + 1"))
try:
    eval("1 +")
except SyntaxError as e:
    print(e, e.filename, e.lineno, e.offset, e.text)
ns = {}
exec(compile("def f():\n    raise KeyError('x')\n", "<made up>", "exec"), ns)
try:
    ns["f"]()
except KeyError:
    import traceback

    traceback.print_exc()
exec("def g():\n  1/0\ng()")
