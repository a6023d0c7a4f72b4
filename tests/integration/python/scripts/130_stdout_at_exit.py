import sys


class Broken:
    def write(self, s):
        return len(s)

    def flush(self):
        raise OSError("cannot flush")

    def __repr__(self):
        return "<broken>"


sys.stdout = Broken()
