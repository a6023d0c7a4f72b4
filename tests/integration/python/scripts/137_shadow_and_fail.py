open("random.py", "w").write("raise RuntimeError('a shadow')\n")
import random
