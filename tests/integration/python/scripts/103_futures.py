import concurrent.futures as cf


def work(n):
    if n == 3:
        raise KeyError(n)
    return n * 2


if __name__ == "__main__":
    with cf.ThreadPoolExecutor(4) as ex:
        print(list(ex.map(work, range(3))))
    with cf.ProcessPoolExecutor(2) as ex:
        print(list(ex.map(work, range(3))))
        f = ex.submit(work, 3)
        print(repr(f.exception()))
    ex = cf.ThreadPoolExecutor(1)
    ex.submit(print, "finishes at exit")
