def f():
    return sorted(globals())


print(f())
print(locals() is globals())
print(sorted(vars()))
try:
    undefined_name
except NameError as e:
    print(e)
try:
    os
except NameError as e:
    print(e)
try:
    sys
except NameError as e:
    print(e)
