import os
import subprocess

print(subprocess.run(["sh", "-c", "echo $X; pwd; umask; exit 4"], env={"X": "1", "PATH": os.environ["PATH"]}, capture_output=True))
print(subprocess.run("echo to the real stdout", shell=True).returncode)
print(subprocess.run("cat", shell=True, capture_output=True).stdout)
print(subprocess.run("echo err >&2; kill -9 $$", shell=True).returncode)
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print(type(e).__name__)
try:
    subprocess.run(["sleep", "5"], timeout=0.05)
except subprocess.TimeoutExpired as e:
    print(type(e).__name__)
print(subprocess.getstatusoutput("echo x; false"))
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(p.communicate(b"x" * 200000)[0] == b"x" * 200000, p.returncode)
print(subprocess.run(["sh", "-c", "ls /proc/self/fd | wc -l"], capture_output=True).stdout)
print(subprocess.run(["sh", "-c", "env | sort | grep -v HOSTNAME; trap; grep -E 'Sig(Blk|Ign)' /proc/self/status"], capture_output=True, text=True).stdout)
