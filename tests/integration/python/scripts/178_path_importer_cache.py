import sys

for k, v in sorted(sys.path_importer_cache.items()):
    if k != "/sandbox":
        print(k, type(v).__name__)
print(sys.meta_path, sys.path_hooks[0])
