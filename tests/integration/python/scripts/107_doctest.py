"""
>>> 1 + 1
2
>>> add(1, 2)
4
>>> __name__
'__main__'
"""
import doctest


def add(a, b):
    """
    >>> add(1, 1)
    2
    """
    return a + b


print(doctest.testmod())
