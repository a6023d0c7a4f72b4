try:
    input("name? ")
except EOFError as e:
    print(repr(e))
import sys

print(repr(sys.stdin.read()), list(sys.stdin))
input()
