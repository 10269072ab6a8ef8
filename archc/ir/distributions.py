"""The distributions that `init:` may name, with their constants: read by the front end to check, by targets to draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

Constant = float | str | None

DISTRIBUTIONS: Final[Mapping[str, Mapping[str, Constant]]] = {
    "constant": {"value": 0.0},
    "kaiming_normal": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "kaiming_uniform": {"a": 0.0, "mode": "fan_in", "nonlinearity": "leaky_relu"},
    "normal": {"mean": 0.0, "std": 1.0},
    "ones": {},
    "trunc_normal": {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
    "uniform": {"low": 0.0, "high": 1.0, "bound": None},
    "xavier_normal": {"gain": 1.0},
    "xavier_uniform": {"gain": 1.0},
    "zeros": {},
}
"""Name -> {constant: default}, as torch.nn.init has them. None: not set unless given (`bound: b` is -b to b)."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "mode": ("fan_in", "fan_out"),
    "nonlinearity": ("linear", "relu", "leaky_relu", "selu", "sigmoid", "tanh"),
}
"""The words that a constant of text may be (torch.nn.init.calculate_gain)."""

FAN_BASED: Final = frozenset({"kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform"})
"""The distributions that need a tensor of two axes or more, for they count what enters and leaves an element."""

REACH: Final = 4
"""How many standard deviations from the mean a truncated normal may begin: further out, drawing takes too long."""

LARGEST: Final = 3.0e38
"""Just below the largest float32: what no constant may exceed."""


def faults(type: str, constants: Mapping[str, float | str]) -> Iterator[tuple[str, str]]:
    """(constant, what is wrong with it) of the constants of a distribution; their names must be known already."""
    numbers: dict[str, float] = {}
    for name, default in DISTRIBUTIONS[type].items():
        value = constants.get(name, default)
        if isinstance(value, str):
            if value not in CHOICES.get(name, ()):
                yield name, f"{value} is none of {', '.join(CHOICES[name])}" if name in CHOICES else "not a number"
        elif value is not None and name in CHOICES:
            yield name, f"{value} is none of {', '.join(CHOICES[name])}"
        elif value is not None and not abs(value) <= LARGEST:
            yield name, f"{value} is not a number that float32 holds"
        elif value is not None:
            numbers[name] = value
    if "bound" in constants and ("low" in constants or "high" in constants):
        yield "bound", "given beside low or high"
    for lower, upper in (("low", "high"), ("a", "b")):
        if lower in numbers and upper in numbers and not numbers[lower] < numbers[upper]:
            yield lower, f"{numbers[lower]} is not below {upper}, which is {numbers[upper]}"
    for name in ("std", "bound", "gain"):
        if numbers.get(name, 0.0) < 0:
            yield name, f"{numbers[name]} is negative"


def unreachable(type: str, constants: Mapping[str, float | str]) -> Iterator[tuple[str, str]]:
    """(constant, what is wrong with it) of a truncation that torch.nn.init.trunc_normal_ divides by, or draws forever for.

    The constants must be free of other faults.
    """
    if type != "trunc_normal":
        return
    given = {**DISTRIBUTIONS[type], **constants}
    numbers = {name: float(value or 0.0) for name, value in given.items()}
    if numbers["std"] == 0:
        yield "std", "0 leaves nothing to truncate"
    elif numbers["a"] > numbers["mean"] + REACH * numbers["std"]:
        yield "a", f"{numbers['a']} lies more than {REACH} std above the mean"
    elif numbers["b"] < numbers["mean"] - REACH * numbers["std"]:
        yield "b", f"{numbers['b']} lies more than {REACH} std below the mean"
