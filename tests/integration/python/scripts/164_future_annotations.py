from __future__ import annotations

x: undefined.name = 1


def f(a: also.undefined) -> nothing: ...


print(__annotations__, f.__annotations__, annotations)
exec("def g(a: undefined): pass\nprint(g.__annotations__)")
