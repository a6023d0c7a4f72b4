import sys

sys.stdout.write("\udc80 escaped\n")
print("\ud800")
