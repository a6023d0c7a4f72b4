import atexit
import sys


class Broken:
    def __repr__(self):
        return 'broken'

    def write(self, text):
        pass

    def flush(self):
        raise OSError('cannot be flushed')


atexit.register(setattr, sys, 'stdout', Broken())
