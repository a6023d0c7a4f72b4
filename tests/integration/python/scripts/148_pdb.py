import pdb

x = 1
pdb.set_trace()
x = 2
print("never")
