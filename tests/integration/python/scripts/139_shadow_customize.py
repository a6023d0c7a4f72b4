import subprocess
import sys

for name in ("sitecustomize", "usercustomize"):
    open(name + ".py", "w").write(f"print({name!r}, 'runs')\n")
print("sitecustomize" in sys.modules, "usercustomize" in sys.modules)
print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout)
