# The classic mistake: the child imports this and starts one itself.
import multiprocessing as mp
import sys

ctx = mp.get_context("spawn")
p = ctx.Process(target=print, args=("never",))
try:
    p.start()
except RuntimeError as e:
    sys.exit(str(e).strip().splitlines()[0])
p.join()
print(p.exitcode)
