import dataclasses
import enum
import typing


@dataclasses.dataclass(order=True)
class P:
    x: int
    y: "typing.List[P]" = dataclasses.field(default_factory=list)


class E(enum.Enum):
    A = enum.auto()
    B = enum.auto()


class N(typing.NamedTuple):
    a: int = 1


print(P(1), P(1) < P(2), typing.get_type_hints(P), E.A, repr(E.B), E["A"], N(), N.__module__)
print(typing.get_type_hints(E), P.__module__, E.__module__)
T = typing.TypeVar("T")
print(T, T.__module__, typing.NewType("X", int).__module__)
import collections

print(collections.namedtuple("Q", "a b").__module__, enum.Enum("F", "a b").__module__)
print(typing.TypedDict("D", {"a": int}).__module__)
