print(repr(exit), repr(quit))
print(repr(copyright)[:20], type(help).__name__, repr(help), type(license).__name__, type(credits).__name__)
print(exit.__class__.__module__)
import builtins

print(sorted(n for n in dir(builtins) if n not in ("_",)))
exit("said exit")
