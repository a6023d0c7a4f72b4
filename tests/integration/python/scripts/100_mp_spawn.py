import multiprocessing as mp

print("imported as", __name__)


class Point:
    def __init__(self, x):
        self.x = x


def work(q, p):
    q.put((p.x + 1, __name__, type(p).__module__, mp.current_process().name))


if __name__ == "__main__":
    ctx = mp.get_context("spawn")
    q = ctx.Queue()
    p = ctx.Process(target=work, args=(q, Point(1)))
    p.start()
    answer = q.get()
    p.join()
    print(answer, p.exitcode)
