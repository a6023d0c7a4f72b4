import ctypes
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('C has some, too', flush=True)
ctypes.CDLL(None).printf(b'of C\n')
raise KeyboardInterrupt
