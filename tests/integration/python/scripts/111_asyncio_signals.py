import asyncio
import os
import signal


async def main():
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, seen.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await seen.wait()
    print("seen")
    t = asyncio.ensure_future(asyncio.sleep(5))
    os.kill(os.getpid(), signal.SIGINT)
    await t


asyncio.run(main())
