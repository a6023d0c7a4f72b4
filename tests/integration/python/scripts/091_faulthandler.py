import faulthandler
import sys

print(faulthandler.is_enabled())
with open("dump", "w+") as f:

    def deep():
        faulthandler.dump_traceback(f, all_threads=False)

    deep()
    f.seek(0)
    print(f.read())
