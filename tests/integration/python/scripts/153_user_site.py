import os
import site
import sys

print(site.ENABLE_USER_SITE, site.USER_SITE, site.USER_BASE, site.getsitepackages(), site.PREFIXES)
print(site.getusersitepackages() in sys.path, os.path.expanduser("~"))
os.makedirs(site.USER_SITE)
with open(os.path.join(site.USER_SITE, "of_user.py"), "w") as f:
    f.write("x = 1\n")
import subprocess

print(subprocess.run([sys.executable, "-c", "import of_user; print(of_user.x)"], capture_output=True, text=True).stdout)
import sysconfig

print(sysconfig.get_paths()["stdlib"], sysconfig.get_platform())
