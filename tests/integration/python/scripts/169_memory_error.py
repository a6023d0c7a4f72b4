try:
    x = bytearray(1 << 60)
except MemoryError as e:
    print(repr(e))
import resource

resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
x = bytearray(1 << 30)
