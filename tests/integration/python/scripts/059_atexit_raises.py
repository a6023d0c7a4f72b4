import atexit


class Bad:
    def __call__(self, n):
        print("bad", n)
        raise ValueError(n)

    def __repr__(self):
        return "<bad>"


for i in range(3):
    atexit.register(Bad(), i)


@atexit.register
def registers_more():
    atexit.register(print, "registered at exit")


print(atexit._ncallbacks())
raise KeyError("main")
