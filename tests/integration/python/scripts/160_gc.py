import gc

print(gc.isenabled(), gc.garbage)


class A:
    def __del__(self):
        print("collected")


a = A()
a.me = a
del a
print(gc.collect() > 0)
gc.disable()
gc.set_threshold(1)
gc.freeze()
b = A()
b.me = b
