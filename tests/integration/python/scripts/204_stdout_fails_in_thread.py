import sys
import threading


class Broken:
    def __repr__(self):
        return 'broken'

    def flush(self):
        raise OSError('cannot be flushed')


def late():
    threading.main_thread().join()
    sys.stdout = Broken()


threading.Thread(target=late).start()
