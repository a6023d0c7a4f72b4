import mmap
import os
from multiprocessing import shared_memory

m = mmap.mmap(-1, 4096)
private = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
pid = os.fork()
if pid == 0:
    m[:5] = b"child"
    private[:5] = b"child"
    os._exit(0)
os.waitpid(pid, 0)
print(m[:5], private[:5])
s = shared_memory.SharedMemory(create=True, size=16)
s.buf[:3] = b"abc"
other = shared_memory.SharedMemory(s.name)
print(bytes(other.buf[:3]))
other.close()
s.close()
s.unlink()
