import getpass
import os
import shutil
import sys

print(shutil.get_terminal_size(), os.isatty(0), os.isatty(1))
try:
    print(getpass.getuser())
except Exception as e:
    print(type(e).__name__)
print(sys.stdout.isatty())
import readline_missing
