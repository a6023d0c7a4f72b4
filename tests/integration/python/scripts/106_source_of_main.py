import inspect
import linecache
import sys
import tokenize


def function(a, b=2):
    "A function."
    return a  # with a comment


class C:
    def method(self): ...


print(inspect.getsource(function), inspect.getsource(C), inspect.getfile(function), inspect.getsourcefile(C))
print(inspect.getmodule(function), inspect.signature(function), inspect.getcomments(function))
print(linecache.getline(__file__, 1), linecache.getlines(__file__) == open(__file__).readlines())
print(__loader__.get_source("__main__") == open(__file__).read(), __loader__.is_package("__main__"))
print(__loader__.get_filename("__main__"), len(linecache.cache), tokenize.open(__file__).encoding)
import os

print(os.path.isabs(__file__), os.path.exists(__file__), os.access(__file__, os.W_OK), os.listdir(os.path.dirname(__file__)))
print(function.__code__.co_filename, function.__module__, function.__globals__ is globals())
