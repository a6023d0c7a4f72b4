import logging
import sys

logging.warning("to the last resort")
logging.basicConfig(format="%(levelname)s %(name)s %(pathname)s:%(lineno)d %(funcName)s %(processName)s %(threadName)s %(module)s %(message)s")


def f():
    logging.getLogger("x.y").error("in f")
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("caught")


f()
logging.error("top", stack_info=True)
print(logging.getLogger().handlers, logging.root.level)
print(logging._srcfile, logging.getLogger("a") is logging.getLogger("a"))
logging.getLogger().findCaller()
