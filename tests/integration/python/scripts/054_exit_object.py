import sys


class Odd:
    def __str__(self):
        return "an odd object"


sys.exit(Odd())
