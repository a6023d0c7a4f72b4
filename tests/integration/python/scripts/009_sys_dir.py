import sys

print([n for n in dir(sys) if n != "__warningregistry__"])
for n in ("last_type", "last_value", "last_traceback", "ps1", "ps2", "tracebacklimit"):
    print(n, hasattr(sys, n))
print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)
print(sys.unraisablehook is sys.__unraisablehook__, sys.breakpointhook is sys.__breakpointhook__)
print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
print(sys.getprofile(), sys.gettrace(), sys.exc_info())
