class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


a = Noisy("global")
cycle = Noisy("in a cycle")
cycle.me = cycle
held = [Noisy("in a list")]
print("end")
