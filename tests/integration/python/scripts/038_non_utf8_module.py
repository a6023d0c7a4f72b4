with open("latin.py", "wb") as f:
    f.write(b"x = '\xfc'\n")
try:
    import latin
except SyntaxError as e:
    print(e.msg, e.filename, e.lineno)
with open("latin_declared.py", "wb") as f:
    f.write(b"# coding: latin-1\nx = '\xfc'\n")
import latin_declared

print(latin_declared.x)
import latin
