def f(n):
    if n == 0:
        raise ValueError("a" * 300)
    f(n - 1)


def g(
    a,
    b,
):
    return f(
        a +
        b
    )


g(
    10,
    5,
)
