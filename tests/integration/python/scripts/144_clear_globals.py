import atexit
import sys

atexit.register(print, "atexit")
keep = print
sys.modules.clear()
keep("cleared")
globals().clear()
