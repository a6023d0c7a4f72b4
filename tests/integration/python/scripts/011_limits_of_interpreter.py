import gc
import sys

print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.getdlopenflags())
print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage, gc.callbacks)
print(sys.getdefaultencoding(), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
print(sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth())
print(sys.get_int_max_str_digits() if hasattr(sys, "get_int_max_str_digits") else "-")
print(sys.is_finalizing())
