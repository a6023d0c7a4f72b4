import code

x = 3
code.interact(banner="hello", local=globals(), exitmsg="bye")
