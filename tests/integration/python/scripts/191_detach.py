import io
import sys

raw = sys.stdout.detach()
raw.write(b"raw\n")
try:
    print("x")
except ValueError as e:
    sys.stderr.write(f"{e}\n")
sys.stdout = io.TextIOWrapper(raw, encoding="latin-1", errors="replace", newline="\r\n", line_buffering=True)
print("grüß €")
sys.stderr.reconfigure(encoding="ascii", errors="xmlcharrefreplace")
raise ValueError("grüß")
