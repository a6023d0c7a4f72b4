# What prints the traceback is not what lies in the working directory.
for name in ("traceback", "linecache", "tokenize", "io", "codecs"):
    open(name + ".py", "w").write("raise SystemExit('a shadow was imported')\n")
raise ValueError("main")
