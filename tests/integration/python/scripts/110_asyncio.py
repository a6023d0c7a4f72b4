import asyncio
import contextvars

var = contextvars.ContextVar("var", default="unset")


async def sub():
    p = await asyncio.create_subprocess_exec("sh", "-c", "echo out; exit 3", stdout=asyncio.subprocess.PIPE)
    out, _ = await p.communicate()
    return out, p.returncode


async def main():
    var.set("set")
    loop = asyncio.get_running_loop()
    print(type(loop).__name__, loop.get_debug(), await sub())
    print(await asyncio.gather(*(asyncio.sleep(0.01, i) for i in range(5))))
    print(await loop.run_in_executor(None, lambda: 42))
    r, w = await asyncio.open_connection(sock=__import__("socket").socketpair()[0])
    w.close()
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError as e:
        print(type(e).__name__)
    asyncio.create_task(asyncio.sleep(9))


print(var.get())
asyncio.run(main())
print(var.get(), len(contextvars.copy_context()))


async def bad():
    raise RuntimeError("in a coroutine")


asyncio.run(bad())
