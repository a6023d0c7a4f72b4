import importlib

# Files named like standard modules: some are found first, some are loaded already.
names = (
    "random json os re io abc codecs encodings site sitecustomize usercustomize types enum functools threading signal socket "
    "select struct array time math string collections tempfile traceback linecache tokenize runpy importlib warnings selectors "
    "ast dis inspect operator keyword reprlib heapq weakref contextlib copyreg posixpath stat locale genericpath builtins sys"
).split()
for name in names:
    with open(name + ".py", "w") as f:
        f.write(f"shadow = {name!r}\n")
importlib.invalidate_caches()
for name in names:
    try:
        m = importlib.import_module(name)
        print(name, getattr(m, "shadow", "the real one"), getattr(m, "__file__", None))
    except Exception as e:
        print(name, type(e).__name__, e)
