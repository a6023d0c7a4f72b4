import weakref


class A:
    pass


a = A()
weakref.finalize(a, print, "finalized")
r = weakref.ref(a, lambda _: print("callback"))
kept = A()
weakref.finalize(kept, print, "finalized at exit")
k = weakref.ref(kept, lambda _: print("callback at exit"))
del a
print("end")
