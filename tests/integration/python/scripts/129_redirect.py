import contextlib
import io
import sys

buf = io.StringIO()
with contextlib.redirect_stdout(buf):
    print("captured")
print(buf.getvalue(), end="")
sys.stdout = sys.stderr
print("to stderr")
sys.stdout = None
print("nowhere")
sys.stdout = sys.__stdout__
print("back")
del sys.stdout
print("no stdout")
