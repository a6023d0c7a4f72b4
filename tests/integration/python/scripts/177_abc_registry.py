import abc
import collections.abc
import numbers
import os


class C(metaclass=abc.ABCMeta):
    @abc.abstractmethod
    def f(self): ...


try:
    C()
except TypeError as e:
    print(e)
print(isinstance([], collections.abc.Sequence), isinstance(1, numbers.Number), issubclass(dict, collections.abc.Mapping))
print(object.__subclasses__() != [], len(BaseException.__subclasses__()))
print(sorted(c.__name__ for c in os.PathLike.__subclasses__()))
