import warnings

warnings.simplefilter("always")


def f():
    open("/etc/passwd")


f()
import asyncio


async def never():
    pass


never()
