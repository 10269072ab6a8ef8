"""Draws a graph's tensors, each from its own stream, so that one layer more changes no other layer's weights.

The distributions are those of torch.nn.init, drawn by numpy in float32, so that every target starts alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import erf, prod, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from archc.ir import Graph
from archc.ir.distributions import DISTRIBUTIONS, FAN_BASED, faults
from archc.ir.ops import Init, TensorSpec

Array = NDArray[Any]
Floats = NDArray[np.float32]
Constants = Mapping[str, Any]
Draw = Callable[[np.random.Generator, tuple[int, ...], Constants], Floats]

TAIL: Final = 80.0
"""Twice the exponent below which a density counts as zero: e^-40 of its peak."""


def initialise(graph: Graph, seed: int, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
    """Every tensor of `graph` by state_dict key: that of `given`, else drawn.

    Raises ValueError where a distribution does not fit its tensor.
    """
    drawn = Drawn(graph, seed)
    return {key: given[key] if given is not None and key in given else drawn[key] for key in drawn}


@dataclass(frozen=True)
class Drawn(Mapping[str, Array]):
    """The tensors that `initialise` draws, each when it is asked for."""

    graph: Graph
    seed: int

    @cached_property
    def _tensors(self) -> dict[str, tuple[TensorSpec, Init]]:
        return {key: (tensor, init) for key, tensor, init in self.graph.tensors()}

    def __getitem__(self, key: str) -> Array:
        tensor, init = self._tensors[key]
        if tensor.dtype == "int64":
            return np.zeros(tensor.shape, np.int64)
        return draw(init, tensor.shape, self.seed, key)

    def __contains__(self, key: object) -> bool:
        return key in self._tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def draw(init: Init, shape: tuple[int, ...], seed: int, key: str) -> Floats:
    """One tensor; the same (init, shape, seed, key) gives the same values."""
    for constant, problem in faults(init.type, init.constants):
        raise ValueError(f"{key}: {init.type}: {constant}: {problem}")
    if init.type in FAN_BASED and len(shape) < 2:
        raise ValueError(f"{key}: {init.type} needs two axes or more, the shape is {shape}")
    constants = {**DISTRIBUTIONS[init.type], **init.constants}
    fixed = FIXED.get(init.type)
    return fixed(shape, constants) if fixed is not None else DRAWS[init.type](generator(seed, key), shape, constants)


def generator(seed: int, key: str) -> np.random.Generator:
    """The stream of one tensor, seeded by a hash of (seed, key)."""
    digest = sha256(f"{seed}\0{key}".encode()).digest()
    return np.random.Generator(np.random.SFC64(int.from_bytes(digest, "little")))


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) as torch.nn.init counts them: axis 1 and axis 0, times the size of the kernel."""
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field


def gain(nonlinearity: str, slope: float) -> float:
    """The recommended gain of a non-linear function (torch.nn.init.calculate_gain)."""
    if nonlinearity == "leaky_relu":
        return sqrt(2.0 / (1.0 + slope**2))
    return {"linear": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3.0, "relu": sqrt(2.0), "selu": 0.75}[nonlinearity]


def _between(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Floats:
    values = rng.random(shape, dtype=np.float32)
    values *= np.float32(high - low)
    values += np.float32(low)
    return values


def _gaussian(rng: np.random.Generator, shape: tuple[int, ...], mean: float, std: float) -> Floats:
    values = rng.standard_normal(shape, dtype=np.float32)
    values *= np.float32(std)
    if mean:
        values += np.float32(mean)
    return values


def _constant(shape: tuple[int, ...], constants: Constants) -> Floats:
    return np.full(shape, constants["value"], np.float32)


def _zeros(shape: tuple[int, ...], constants: Constants) -> Floats:
    return np.zeros(shape, np.float32)


def _ones(shape: tuple[int, ...], constants: Constants) -> Floats:
    return np.ones(shape, np.float32)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    bound = constants["bound"]
    low, high = (constants["low"], constants["high"]) if bound is None else (-bound, bound)
    return _between(rng, shape, low, high)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    return _gaussian(rng, shape, constants["mean"], constants["std"])


def _kaiming_std(shape: tuple[int, ...], constants: Constants) -> float:
    fan_in, fan_out = fans(shape)
    fan = fan_in if constants["mode"] == "fan_in" else fan_out
    return gain(constants["nonlinearity"], constants["a"]) / sqrt(fan or 1)


def _kaiming_uniform(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    bound = sqrt(3.0) * _kaiming_std(shape, constants)
    return _between(rng, shape, -bound, bound)


def _kaiming_normal(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    return _gaussian(rng, shape, 0.0, _kaiming_std(shape, constants))


def _xavier_std(shape: tuple[int, ...], constants: Constants) -> float:
    return float(constants["gain"]) * sqrt(2.0 / (sum(fans(shape)) or 1))


def _xavier_uniform(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    bound = sqrt(3.0) * _xavier_std(shape, constants)
    return _between(rng, shape, -bound, bound)


def _xavier_normal(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    return _gaussian(rng, shape, 0.0, _xavier_std(shape, constants))


def _trunc_normal(rng: np.random.Generator, shape: tuple[int, ...], constants: Constants) -> Floats:
    """A normal distribution within absolute bounds [a, b] (torch.nn.init.trunc_normal_), by rejection."""
    mean, std, low, high = (float(constants[name]) for name in ("mean", "std", "a", "b"))
    if std == 0.0:
        return np.full(shape, min(max(mean, low), high), np.float32)
    likely = _normal_cdf((high - mean) / std) - _normal_cdf((low - mean) / std) > 0.3

    def candidates(count: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Values, and which of them to draw again."""
        if not likely:
            return _tail(rng, count, mean, std, low, high)
        drawn = _gaussian(rng, (count,), mean, std)
        return drawn, (drawn < low) | (drawn > high)

    values, refused = candidates(prod(shape))
    pending = np.flatnonzero(refused)
    while pending.size:
        values[pending], refused = candidates(pending.size)
        pending = pending[refused]
    return np.clip(values, np.float32(low), np.float32(high), out=values).reshape(shape)


def _tail(
    rng: np.random.Generator, size: int, mean: float, std: float, low: float, high: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Candidates from where the density is not zero, and which to draw again, for bounds that hold little of it."""
    mode = min(max(mean, low), high)
    away = abs(mode - mean)
    reach = TAIL * std * std / (away + sqrt(away * away + TAIL * std * std))
    from_low, from_high = max(low, mode - reach), min(high, mode + reach)
    drawn = rng.random(size) * (from_high - from_low) + from_low
    # ((drawn - mean)² - (mode - mean)²) / 2 std², written so that nothing cancels
    exponent = -0.5 * (drawn - mode) / std * ((drawn - mode + 2.0 * (mode - mean)) / std)
    return drawn.astype(np.float32), ~(np.log1p(-rng.random(size)) <= exponent)


def _normal_cdf(x: float) -> float:
    return (1.0 + erf(x / sqrt(2.0))) / 2.0


FIXED: Final[Mapping[str, Callable[[tuple[int, ...], Constants], Floats]]] = {
    "constant": _constant,
    "ones": _ones,
    "zeros": _zeros,
}
"""How those are made that nothing is drawn for: to seed a stream takes longer than most of them."""

DRAWS: Final[Mapping[str, Draw]] = {
    "kaiming_normal": _kaiming_normal,
    "kaiming_uniform": _kaiming_uniform,
    "normal": _normal,
    "trunc_normal": _trunc_normal,
    "uniform": _uniform,
    "xavier_normal": _xavier_normal,
    "xavier_uniform": _xavier_uniform,
}
"""How each other distribution is drawn."""
