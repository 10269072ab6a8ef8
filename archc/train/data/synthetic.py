"""Made-up examples that can be learned: a pattern for each class, under noise."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.train.chance import key
from archc.train.data.examples import Data, Held
from archc.train.faults import fault
from archc.train.settings import Settings

LARGEST = 2**31
AXES = ("depth", "height", "width", "length")


def synthetic(settings: Settings) -> Data:
    """As many examples to train on as `examples` says, and a quarter of that to test on."""
    data = settings.data
    names = ("features",) if data.get("features") else ("channels", *AXES)
    shape = tuple(data[name] for name in names if data.get(name) is not None)
    count = data["examples"]
    if 5 * count * prod(shape) > LARGEST:
        message = f"{count:,} examples of {prod(shape):,} numbers take more than 8 GiB"
        raise fault("A0003", message, settings.spans["data"], "use fewer `examples`")
    rng = np.random.Generator(np.random.PCG64(key("synthetic", *shape)))
    tests = max(1, count // 4)
    inputs, labels = _made(settings, shape, count + tests, rng)
    held = [Held(inputs[part], labels[part]) for part in (slice(count), slice(count, None))]
    return Data(held[0], held[1], tuple(map(str, range(data["classes"] or 0))))


def _made(
    settings: Settings, shape: tuple[int, ...], count: int, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any]]:
    noise = rng.standard_normal((count, *shape), dtype=np.float32)
    classes = settings.data["classes"]
    if settings.label.type == "float":
        size = settings.label["shape"]
        weights = rng.standard_normal((prod(shape), prod(size)), dtype=np.float32) / np.float32(prod(shape) ** 0.5)
        numbers = 1 / (1 + np.exp(-noise.reshape(count, -1) @ weights))  # from 0 to 1, as every loss takes them
        return noise, numbers.reshape(count, *size).astype(np.float32)
    if settings.label.type == "map":
        labels = rng.integers(0, classes, (count, *shape[1:]))
        patterns = rng.standard_normal((classes, shape[0]), dtype=np.float32)
        return noise + 2 * np.moveaxis(patterns[labels], -1, 1), labels.astype(np.int64)
    labels = rng.integers(0, classes, count)
    patterns = rng.standard_normal((classes, *shape), dtype=np.float32)
    inputs = noise + patterns[labels]
    if settings.label.type == "one_hot":
        return inputs, np.eye(classes, dtype=np.float32)[labels]
    return inputs, labels.astype(np.int64)
