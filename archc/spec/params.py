"""Typed parameters: the one model of a primitive's fields, a block's parameters, a spec's params and `train:`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from typing import Final, Literal, get_args

from archc.diagnostics import Span
from archc.diagnostics.excerpt import safe
from archc.diagnostics.fixes import Hint, certain
from archc.limits import MAX_INT
from archc.source import Scalar, Tree
from archc.spec.values import BlockRef, Value, describe, is_number

Kind = Literal["int", "float", "bool", "string", "sizes", "paddings", "ints", "floats", "block", "any"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
MAX_WORD: Final = 64
MAX_RANKED: Final = 200
MAX_COMPARED: Final = 24
LIKELY: Final = 0.75
"""How alike a misspelt word and a known one are at least, from 0 to 1, to go on as if that had been written."""

SYNONYMS: Final[Mapping[str, str]] = {
    "activation": "act",
    "dropout": "p",
    "filters": "out_channels",
    "inputs": "from",
    "kernel": "kernel_size",
    "kind": "type",
    "layer": "type",
    "layers": "stages",
    "module": "type",
    "op": "type",
    "pad": "padding",
    "prob": "p",
    "rate": "p",
    "times": "repeat",
    "units": "out_features",
}
"""What other tools call a field, and its name here."""


class Required:
    """The type of REQUIRED: no default."""


REQUIRED: Final = Required()


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: its kind, its default (a value, or a tree to evaluate, or REQUIRED) and its bounds.

    `sizes` is an int for every spatial axis, or a list with one int for each. `above` is an exclusive lower bound.
    """

    name: str
    kind: Kind
    default: Value | Tree | Required = REQUIRED
    min: float | None = None
    max: float | None = None
    above: float | None = None
    choices: tuple[Value, ...] = ()
    doc: str = ""
    span: Span | None = None
    is_typed: bool = False
    """Whether a spec's param or a block's says its type, in place of a default that gives it."""

    @property
    def required(self) -> bool:
        """Whether a use must pass it."""
        return isinstance(self.default, Required)


class Fault(Exception):
    """A value does not fit its parameter."""

    def __init__(self, code: str, message: str, label: str = "", help: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.label, self.help = code, message, label, help


def conform(param: Param, value: Value, rank: int = 0) -> Value:
    """`value` as `param` stores it: whole floats as ints, equal sizes as one. Raises Fault.

    `rank` is the number of spatial axes, if it is known; a list of sizes has one for each.
    """
    given, value = value, _CONFORM[param.kind](param, value)
    if param.kind == "sizes" and isinstance(given, tuple) and rank and len(given) != rank:
        axes = "1 axis" if rank == 1 else f"{rank} axes"
        raise Fault(
            "A0104",
            f"`{param.name}` needs an int for each axis",
            f"{len(given)} {'is' if len(given) == 1 else 'are'} given, the network's input has {axes}",
            f"write one int, or a list of {rank}",
        )
    if param.choices and value not in param.choices:
        words = [str(choice) for choice in param.choices]
        near = nearest(str(value), words)
        raise Fault(
            "A0104",
            f"`{param.name}` has no choice `{value}`",
            "not one of the choices",
            proposal(str(value), near, words) if near else "use one of " + ", ".join(words),
        )
    for number in value if isinstance(value, tuple) else (value,):
        if is_number(number):
            _check_bounds(param, number)
    return value


def _check_bounds(param: Param, number: int | float) -> None:
    low, high, above = param.min, param.max, param.above
    if (low is None or number >= low) and (high is None or number <= high) and (above is None or number > above):
        if isinstance(number, int) and abs(number) > MAX_INT:
            raise Fault("A0008", f"`{param.name}` is too large", "an int stays below 2^31", "use a smaller number")
        return
    bounds = [f"at least {_short(low)}"] if low is not None else [f"above {_short(above)}"] if above is not None else []
    bounds += [f"at most {_short(high)}"] if high is not None else []
    raise Fault(
        "A0104",
        f"`{param.name}` is out of range",
        f"{_short(number)} is given, {' and '.join(bounds)} is needed",
        f"use a value that is {' and '.join(bounds)}",
    )


def _short(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else str(number)


def _wrong(param: Param, wanted: str, value: Value, help: str = "") -> Fault:
    return Fault("A0103", f"`{param.name}` needs {wanted}", f"this is {describe(value)}", help or f"write {wanted}")


def as_int(param: Param, value: Value, wanted: str = "an int") -> int:
    """A whole number. Raises Fault."""
    if not is_number(value):
        raise _wrong(param, wanted, value)
    if isinstance(value, float):
        if not value.is_integer():
            raise Fault(
                "A0204",
                f"`{param.name}` needs {wanted}",
                f"this is {value}",
                "write a whole number, or round with `round`, `ceil`, `floor` or `make_divisible`",
            )
        return int(value)
    return value


def _int(param: Param, value: Value) -> Value:
    return as_int(param, value)


def _float(param: Param, value: Value) -> Value:
    if not is_number(value):
        raise _wrong(param, "a number", value)
    return float(value)


def _bool(param: Param, value: Value) -> Value:
    if not isinstance(value, bool):
        raise _wrong(param, "a bool", value, "write `true` or `false`, without quotes")
    return value


def _string(param: Param, value: Value) -> Value:
    if not isinstance(value, str):
        word = param.default.value if isinstance(param.default, Scalar) else None
        # `k: int` gives a default, the word "int", and not a type
        help = f"write a string, or declare it as `{param.name}: {{type: {word}}}`" if word in KINDS else ""
        raise _wrong(param, "a string", value, help)
    return value


SAME: Final[Mapping[Value, str]] = {
    "valid": "write 0",
    "same": "write the number: half of kernel_size - 1 for an odd kernel, times the dilation",
}
"""PyTorch's words for paddings."""


def _sizes(param: Param, value: Value) -> Value:
    if not isinstance(value, tuple):
        if value in SAME and param.name == "padding":
            raise _wrong(param, "an int, or a list with an int for each axis", value, SAME[value])
        return as_int(param, value, "an int, or a list with an int for each axis")
    if not 1 <= len(value) <= 3:
        raise _wrong(param, "an int, or a list with an int for each axis", value)
    sizes = tuple(as_int(param, item, "an int, or a list with an int for each axis") for item in value)
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _ints(param: Param, value: Value) -> Value:
    if not isinstance(value, tuple):
        raise _wrong(param, "a list of ints", value, "write `[1, 2]`")
    return tuple(as_int(param, item, "a list of ints") for item in value)


def _floats(param: Param, value: Value) -> Value:
    if not isinstance(value, tuple) or not all(is_number(item) for item in value):
        raise _wrong(param, "a list of numbers", value, "write `[0.1, 0.2]`")
    return value


def _block(param: Param, value: Value) -> Value:
    if value is None or isinstance(value, BlockRef):
        return value
    raise _wrong(param, "a block", value, "write a type's name, `{type: NAME, ...}` or `none`")


def _paddings(param: Param, value: Value) -> Value:
    if not isinstance(value, tuple):
        return as_int(param, value, "an int, or a list with two ints for each axis")
    return _ints(param, value)


_CONFORM: Final[Mapping[str, Callable[[Param, Value], Value]]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "string": _string,
    "sizes": _sizes,
    "paddings": _paddings,
    "ints": _ints,
    "floats": _floats,
    "block": _block,
    "any": lambda _, value: value,
}


def kind_of(value: Value) -> Kind:
    """The kind that a default gives its parameter."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    if (
        isinstance(value, tuple)
        and value
        and all(isinstance(item, int) and not isinstance(item, bool) for item in value)
    ):
        return "ints"
    if isinstance(value, tuple) and value and all(is_number(item) for item in value):
        return "floats"
    return "any"


def nearest(word: str, words: Iterable[str]) -> str:
    """The known word most like `word`, or ""; of many words, only those with about the same letters are compared."""
    known = tuple(words)
    synonym = SYNONYMS.get(word.lower(), "")
    return synonym if synonym in known else _nearest(word[:MAX_WORD], known)


@lru_cache(maxsize=1024)
def _nearest(word: str, words: tuple[str, ...]) -> str:
    room = 2 + len(word) // 2
    known = [known_word for known_word in words if abs(len(known_word) - len(word)) <= room]
    if len(known) > MAX_COMPARED:
        letters = set(word)
        known = sorted(known[:MAX_RANKED], key=lambda known_word: len(letters.symmetric_difference(known_word)))
        known = known[:MAX_COMPARED]
    folded = {known_word.lower().replace("-", "_"): known_word for known_word in known}
    if word.lower().replace("-", "_") in folded:
        return folded[word.lower().replace("-", "_")]
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return close[0] if close else ""


def meant(word: str, words: Iterable[str]) -> str:
    """The known word that a misspelt one can be taken for, or "" where that is less than likely."""
    return _meant(word, tuple(words))


@lru_cache(maxsize=1024)
def _meant(word: str, words: tuple[str, ...]) -> str:
    near = nearest(word, words)
    is_likely = SYNONYMS.get(word.lower()) == near or SequenceMatcher(None, word, near).ratio() >= LIKELY
    return near if near and (is_likely or word.lower().replace("-", "_") == near) else ""


def proposal(word: str, near: str, words: Iterable[str], taken: Collection[str] = ()) -> str:
    """`did you mean ...?`, and whether that is certain."""
    strange = next((c for c in word if not c.isascii()), "")
    text = f"did you mean `{near}`?" + (f" `{safe(strange)}` is U+{ord(strange):04X}" if strange else "")
    return Hint(text, word, near if certain(word, words, taken) == near else "")


def suggestion(word: str, words: Iterable[str], otherwise: str, taken: Collection[str] = ()) -> str:
    """`did you mean ...?` with the nearest word, or else all of them (or `otherwise` where there are none).

    `taken` are words that are there already, so that it cannot be respelt to one of them.
    """
    known = list(words)
    near = nearest(word, known)
    if near:
        return proposal(word, near, known, taken)
    if not otherwise.endswith(" are"):
        return otherwise
    if len(known) == 1:
        return f"the only one is `{known[0]}`"
    shown = ", ".join(f"`{name}`" for name in known[:MAX_COMPARED]) + ", ..." * (len(known) > MAX_COMPARED)
    return f"{otherwise} {shown}" if known else "there is none here"
