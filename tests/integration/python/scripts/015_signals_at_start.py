import signal

for s in sorted(signal.valid_signals()):
    h = signal.getsignal(s)
    print(int(s), h.__name__ if callable(h) and not isinstance(h, signal.Handlers) else h)
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(signal.sigpending())
print(signal.getitimer(signal.ITIMER_REAL), signal.getitimer(signal.ITIMER_VIRTUAL), signal.getitimer(signal.ITIMER_PROF))
print(signal.alarm(0), signal.set_wakeup_fd(-1))
