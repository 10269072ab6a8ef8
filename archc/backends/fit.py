"""How the tensors of a file and those of a network go together, told by names and shapes alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from archc.ir import Graph
from archc.ir.names import renamed

Shape = tuple[int, ...]

COUNTER: Final = ".num_batches_tracked"
"""The tensor that files of old releases lack or hold as a float, and that only training reads."""

WRAPPINGS: Final = ("module.", "_orig_mod.")
"""What nn.DataParallel and torch.compile put before every name."""

ROWS_SHOWN: Final = 10
MODULES_SHOWN: Final = 12
MODULES_OFFERED: Final = 8


@dataclass(frozen=True, slots=True)
class Expected:
    """A tensor that the network has."""

    shape: Shape
    is_integer: bool
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A tensor that the file has."""

    shape: Shape
    is_integer: bool


@dataclass(slots=True)
class Fit:
    """What a file gives to a network."""

    names: dict[str, str] = field(default_factory=dict)
    """Tensor of the network -> its name in the file, for those that fit, in the network's order."""
    missing: dict[str, Expected] = field(default_factory=dict)
    unexpected: dict[str, Found] = field(default_factory=dict)
    different: dict[str, tuple[Expected, Found]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    """Tensors of the network that are not to be taken from the file."""
    unknown: list[str] = field(default_factory=list)
    """Modules to leave out that neither the network nor the file has."""
    prefix: str = ""
    """What stands before every name of the file."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.unexpected or self.different or self.unknown)


def expected_of(graph: Graph, inference_only: bool) -> dict[str, Expected]:
    """The tensors of `graph`; counters of batch norms may be missing, and with `inference_only` heads of training."""
    expected: dict[str, Expected] = {}
    for node in graph.nodes:
        optional = inference_only and node.path not in graph.inference_nodes
        for key, tensor, _ in node.tensors():
            is_integer = tensor.dtype == "int64"
            counter = is_integer and key.endswith(COUNTER)
            expected[key] = Expected(tensor.shape, is_integer, optional or counter)
    return expected


def fit(
    found: Mapping[str, Found],
    expected: Mapping[str, Expected],
    aliases: Mapping[str, str],
    without: Collection[str] = (),
) -> Fit:
    """Match the file's tensors with the network's, but for those at or below the paths of `without`."""
    result = Fit(prefix=_prefix(found, expected))
    names = _named(found, expected, aliases, result.prefix)
    for path in without:
        if not any(is_below(key, path) for key in (*expected, *names)):
            result.unknown.append(path)
    for key, want in expected.items():
        has = found[names[key]] if key in names else None
        if any(is_below(key, path) for path in without):
            result.left.append(key)
        elif has is None and not want.optional:
            result.missing[key] = want
        elif has is not None and _differs(key, want, has):
            result.different[key] = (want, has)
        elif has is not None:
            result.names[key] = names[key]
    for key, name in names.items():
        if key not in expected and not any(is_below(key, path) for path in without):
            result.unexpected[key] = found[name]
    return result


def is_below(key: str, path: str) -> bool:
    """Whether `key` is `path` or lies below it."""
    return key == path or key.startswith(f"{path}.")


def _prefix(found: Collection[str], expected: Collection[str]) -> str:
    """The wrappings before every name of the file, unless the network's names begin so themselves."""
    prefix = ""
    for _ in WRAPPINGS:
        for wrapping in WRAPPINGS:
            longer = prefix + wrapping
            if found and all(name.startswith(longer) for name in found):
                prefix = longer
    return "" if any(key.startswith(WRAPPINGS) for key in expected) else prefix


def _named(found: Iterable[str], expected: Collection[str], aliases: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The network's name of each tensor -> its name in the file; a name of today is never taken for an older one."""
    names = {name.removeprefix(prefix): name for name in found}
    for key in [key for key in names if key not in expected]:
        today = renamed(key, aliases)
        if today in expected and today not in names:
            names[today] = names.pop(key)
    return names


def _differs(key: str, want: Expected, has: Found) -> bool:
    counts = want.is_integer and key.endswith(COUNTER)
    return has.shape != want.shape or (has.is_integer != want.is_integer and not counts)


# -- what is said of it -------------------------------------------------------------------------------------------------


def counts(result: Fit, expected: Collection[str]) -> str:
    """How many tensors fit, and how many do not in which way."""
    amounts = {
        "missing": len(result.missing),
        "unexpected": len(result.unexpected),
        "of another shape or kind": len(result.different),
    }
    parts = [f"{len(result.names)} fit", *(f"{count} {what}" for what, count in amounts.items() if count)]
    return f"of {len(expected)} tensors: {', '.join(parts)}"


def table(result: Fit, expected: Collection[str]) -> list[str]:
    """The rows of what does not fit, under their head, and the modules of which everything does."""
    rows = [("tensor", "the network's", "the file's"), *_rows(result)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() for row in rows]
    whole = whole_modules(result, expected)
    return [*lines, *([f"everything fits in {_some(whole, MODULES_SHOWN)}"] if whole else [])]


def _rows(result: Fit) -> Iterator[tuple[str, str, str]]:
    kinds: Sequence[list[tuple[str, str, str]]] = (
        [(key, _shown(want), _shown(has)) for key, (want, has) in result.different.items()],
        [(key, _shown(want), "missing") for key, want in result.missing.items()],
        [(key, "no such tensor", _shown(has)) for key, has in result.unexpected.items()],
    )
    for rows in kinds:
        yield from ((f"{name:.100}", network, file) for name, network, file in rows[:ROWS_SHOWN])
        if len(rows) > ROWS_SHOWN:
            yield f"and {len(rows) - ROWS_SHOWN} more", "", ""


def _shown(tensor: Expected | Found) -> str:
    shape = ", ".join(map(str, tensor.shape)) + ("," if len(tensor.shape) == 1 else "")
    return f"({shape})" + (" int64" if tensor.is_integer else "")


def whole_modules(result: Fit, expected: Collection[str]) -> list[str]:
    """The modules at the top of which every tensor fits."""
    tops = dict.fromkeys(key.partition(".")[0] for key in expected)
    faulty = {key.partition(".")[0] for key in (*result.missing, *result.unexpected, *result.different)}
    fitting = {key.partition(".")[0] for key in result.names}
    return [top for top in tops if top in fitting - faulty]


def modules(expected: Iterable[str]) -> str:
    """The modules at the top, in words."""
    return _some(dict.fromkeys(key.partition(".")[0] for key in expected), MODULES_SHOWN)


def offered(result: Fit) -> list[str]:
    """The modules to leave out so that the rest fits; none where too little would be left, or too many would go."""
    fitting = [key.split(".") for key in result.names]
    inner = {".".join(parts[:length]) for parts in fitting for length in range(1, len(parts) + 1)}
    found: dict[str, None] = {}
    for key in (*result.different, *result.missing, *result.unexpected):
        parts = key.split(".")
        paths = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        found[next((path for path in paths if path not in inner), key)] = None
    faulty = len(result.different) + len(result.missing)
    return list(found) if len(found) <= MODULES_OFFERED and len(result.names) >= faulty else []


def _some(names: Iterable[str], most: int) -> str:
    listed = [f"`{name:.100}`" for name in names]
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
