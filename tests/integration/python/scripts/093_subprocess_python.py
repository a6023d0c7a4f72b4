import subprocess
import sys

code = "import sys, os; print(__name__, sys.argv, sys.flags.unbuffered, sys.stdin.read(), sys.path[0] == ''); sys.exit(3)"
p = subprocess.run([sys.executable, "-c", code, "arg"], capture_output=True, text=True, input="given")
print(p.returncode, p.stdout, p.stderr)
p = subprocess.run([sys.executable, "-c", "1/0"], capture_output=True, text=True)
print(p.returncode, p.stderr)
print(subprocess.check_output([sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGPIPE), signal.pthread_sigmask(0, []))"]))
print(subprocess.run([sys.executable, "-c", "import sys; print(sorted(sys.modules) != [], sys.path[1:])"], capture_output=True).stdout)
