# Tries to change the script that it is, the folder it lies in, and those of others.
import os

here = os.path.abspath(__file__)
folder = os.path.dirname(here)
scratch = os.path.dirname(folder)


def breach(what, function, *arguments):
    try:
        function(*arguments)
        print("BREACH", what)
    except OSError:
        pass


breach("write", open, here, "a")
breach("remove", os.unlink, here)
breach("rename", os.rename, here, here + ".old")
breach("chmod", os.chmod, here, 0o777)
breach("new file beside", open, os.path.join(folder, "sitecustomize.py"), "w")
breach("new folder beside", os.mkdir, os.path.join(scratch, "x2"))
breach("rename folder", os.rename, folder, folder + "x")
breach("link", os.symlink, "/etc", os.path.join(scratch, "x2"))
print("done")
