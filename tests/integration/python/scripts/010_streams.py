import sys

for f in (sys.stdin, sys.stdout, sys.stderr):
    print(type(f).__name__, f.name, f.mode, f.encoding, f.errors, f.newlines, f.isatty(), f.fileno())
    print(f.line_buffering, f.write_through, f.closed, f.readable(), f.writable(), f.seekable())
    b = f.buffer
    print(type(b).__name__, b.name, b.mode, b.closed, getattr(b, "raw", b) is b)
    raw = getattr(b, "raw", b)
    print(type(raw).__name__, raw.name, raw.mode, getattr(raw, "closefd", None), raw.fileno())
    print(repr(raw))
    print(repr(f))
