"""Names in generated source: which words may stand as identifiers, and what the others turn into."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable

from archc.ir.names import MODULE_ATTRIBUTES


def words(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
WORDS = re.compile(r"[A-Za-z0-9]+", re.ASCII)

FLOW = ("x", "out")
"""The variables that carry the value along a chain; no stage is named so."""

IMPORTED = frozenset({"torch", "nn", "F", "Tensor", "NamedTuple", "OrderedDict", "self", "super"})
LOCALS_TAKEN = IMPORTED | set(dir(builtins)) | set(FLOW) | {"module", "bound"}

SEQUENTIAL_ATTRIBUTES = frozenset({"append", "extend", "insert", "pop"})
"""What nn.Sequential has beside nn.Module: a child of that name needs a class that is not a Sequential."""


def is_identifier(word: str) -> bool:
    """Whether `word` may be written as a name or after `self.`."""
    return IDENTIFIER.fullmatch(word) is not None and not keyword.iskeyword(word) and not word.startswith("__")


def hides_attribute(word: str) -> bool:
    """Whether a child called `word` would hide what nn.Module needs."""
    return word in MODULE_ATTRIBUTES or (word.startswith("__") and word.endswith("__"))


def variable(word: str) -> str:
    """A variable for the stage called `word`: itself where it can be, `x3` for a number."""
    name = "_".join(WORDS.findall(word)) or "value"
    if name[0].isdigit():
        name = f"x{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in LOCALS_TAKEN else name


def field_name(word: str) -> str:
    """A field of a named tuple for the output called `word`."""
    name = "_".join(WORDS.findall(word)) or "output"
    name = f"output{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in {"count", "index"} else name


def quoted(text: str) -> str:
    """A string literal in double quotes, as formatters write it, where that needs no escapes."""
    return f'"{text}"' if re.fullmatch(r"[A-Za-z0-9_. -]*", text, re.ASCII) else repr(text)


def camel(word: str, otherwise: str = "Net") -> str:
    """CamelCase of `word`: `conv_norm_act` gives ConvNormAct."""
    name = "".join(part[0].upper() + part[1:] for part in WORDS.findall(word))
    return f"{otherwise}{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name


def free_name(candidates: Iterable[str], taken: Iterable[str]) -> str:
    """The first of `candidates` that is not taken; the last one counts up if all are."""
    used, last = set(taken), "value"
    for last in candidates:
        if last not in used:
            return last
    count = 2
    while f"{last}{count}" in used:
        count += 1
    return f"{last}{count}"
