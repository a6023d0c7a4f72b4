with open("bad_syntax.py", "w") as f:
    f.write("x = 1\ny = = 2\n")
import bad_syntax
