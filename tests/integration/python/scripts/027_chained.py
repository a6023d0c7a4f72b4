def parse(s):
    try:
        return int(s)
    except ValueError as e:
        raise RuntimeError("cannot parse") from e


def load(s):
    try:
        parse(s)
    except RuntimeError:
        {}["key"]


try:
    load("x")
except KeyError as e:
    e.add_note("a note") if hasattr(e, "add_note") else None
    raise
