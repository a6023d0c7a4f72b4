import atexit
import sys


def show():
    print(sys.last_type, sys.last_value, sys.last_traceback.tb_lineno, sys.last_traceback.tb_next)
    print(sys.last_traceback.tb_frame.f_code.co_name, sys.last_traceback.tb_frame.f_back)


atexit.register(show)
raise LookupError("last")
