import sys

print(sys.flags)
print(sys.warnoptions, sys._xoptions)
print(sys.implementation.name, sys.implementation.cache_tag, sys.hexversion)
print(sys.float_info, sys.int_info, sys.hash_info)
print(sys.thread_info)
print(sys.copyright)
