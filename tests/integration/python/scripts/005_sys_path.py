import sys

print(sys.path)
print(sys.meta_path)
print(sorted(sys.path_importer_cache) == sorted(set(sys.path_importer_cache)))
print(len(sys.path_hooks), [type(h).__name__ for h in sys.path_hooks])
print(sys.pycache_prefix, sys.dont_write_bytecode)
