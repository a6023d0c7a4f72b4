import pickle


class Thing:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


def function():
    return 1


data = pickle.dumps(Thing(3))
print(b"__main__" in data, pickle.loads(data) == Thing(3), Thing.__module__, Thing, Thing.__qualname__)
print(pickle.loads(pickle.dumps(function)) is function)
try:
    pickle.dumps(lambda: 1)
except Exception as e:
    print(type(e).__name__)
import copy

print(copy.deepcopy(Thing([1])).x)
