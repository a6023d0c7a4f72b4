import argparse

p = argparse.ArgumentParser(description="A program")
p.add_argument("--x", type=int, default=1, help="a number")
p.add_argument("needed")
p.print_help()
p.parse_args()
