import traceback


class A:
    colour = 1


for code in ("A.color", "A().coluor", "prnt", "sys.path", "from os import getpidd", "import jsn"):
    try:
        exec(code)
    except Exception:
        print(traceback.format_exc())
lenght = len
lengt
