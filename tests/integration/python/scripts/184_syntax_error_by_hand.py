e = SyntaxError("made up")
e.filename, e.lineno, e.offset, e.text = "elsewhere.txt", 3, 4, "the text of the line\n"
raise e
