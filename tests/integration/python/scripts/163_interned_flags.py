import __future__

code = compile("1/2", "x", "eval")
print(code.co_flags, code.co_name)
import sys

print(sys._getframe().f_code.co_flags, sys._getframe().f_code.co_names[:2], sys._getframe().f_code.co_firstlineno)
try:
    exec("def f() -> undefined: pass")
except NameError as e:
    print(e)
print(__debug__, __name__)
assert True
try:
    assert False, "asserted"
except AssertionError as e:
    print(e)
print(compile("x", "y", "eval", dont_inherit=False).co_flags)
