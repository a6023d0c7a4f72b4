import os

for k, v in sorted(os.environ.items()):
    if k != "HOSTNAME":  # of the container
        print(k, "=", v)
print(os.getcwd())
mask = os.umask(0)
print(oct(mask))
os.umask(mask)
print(os.getenvb(b"PATH"), os.supports_bytes_environ)
print(os.get_exec_path())
