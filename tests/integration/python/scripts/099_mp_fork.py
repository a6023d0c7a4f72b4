import multiprocessing as mp
import os


def work(n):
    return n * n, mp.current_process().name.split("-")[0], __name__


if __name__ == "__main__":
    print(mp.get_start_method(), mp.get_all_start_methods(), mp.parent_process(), mp.current_process().name)
    with mp.get_context("fork").Pool(2) as pool:
        print(sorted(pool.map(work, range(4))))
    q = mp.Queue()
    p = mp.Process(target=q.put, args=("from the child",))
    p.start()
    print(q.get())
    p.join()
    print(p.exitcode, mp.active_children())
    v = mp.Value("i", 3)
    p = mp.Process(target=exec, args=("raise SystemExit(4)",))
    p.start()
    p.join()
    print(p.exitcode, v.value)
