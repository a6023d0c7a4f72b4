import sys

print(sys.argv)
print(sys.orig_argv[1:])
print(sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys._base_executable)
print(sys.orig_argv[0])
print(sys.platlibdir, sys.byteorder, sys.maxsize, sys.api_version, sys.version)
