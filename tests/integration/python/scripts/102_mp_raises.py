import multiprocessing as mp


def work(n):
    raise ValueError(f"bad {n}")


if __name__ == "__main__":
    ctx = mp.get_context("fork")
    p = ctx.Process(target=work, args=(1,), name="worker")
    p.start()
    p.join()
    print(p.exitcode)
    with ctx.Pool(1) as pool:
        try:
            pool.apply(work, (2,))
        except ValueError as e:
            print(e, type(e.__cause__).__name__)
    p = ctx.Process(target=print, args=("joined at exit",))
    p.start()
