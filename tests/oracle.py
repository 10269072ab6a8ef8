"""torchvision as an oracle: what tests/data/torchvision.json.gz says, and the weights and inputs that its logits belong to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from functools import cache
from math import prod, sqrt
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from archc.ir.ops import Init, TensorSpec

DATA = Path(__file__).parent / "data"


@cache
def _oracles() -> dict[str, dict[str, Any]]:
    return json.loads(gzip.decompress((DATA / "torchvision.json.gz").read_bytes()))


def oracle(name: str) -> dict[str, Any]:
    """What torchvision's builder of that name gives: input, params, state_dict, logits, norm, argmax."""
    return _oracles()[name]


def oracle_weights(tensors: Iterable[tuple[str, TensorSpec, Init]]) -> dict[str, NDArray[Any]]:
    """The weights that the oracle's logits were computed with, for the tensors of a graph (`graph.tensors()`)."""
    return {key: _weight(key, spec) for key, spec, _ in tensors}


def _weight(key: str, spec: TensorSpec) -> NDArray[Any]:
    if spec.dtype == "int64":
        return np.zeros(spec.shape, np.int64)
    r = np.random.default_rng(crc32(key.encode()))
    last, shape = key.rpartition(".")[2], spec.shape
    if last == "running_mean":
        values = r.standard_normal(shape) * 0.1
    elif last == "running_var":
        values = r.uniform(0.8, 1.2, shape)
    elif last == "bias":
        values = r.standard_normal(shape) * 0.02
    elif last == "weight" and len(shape) == 1:
        values = r.uniform(0.8, 1.2, shape)
    elif last == "layer_scale":
        values = r.uniform(0.08, 0.12, shape)
    elif len(shape) >= 2:
        values = r.standard_normal(shape) / sqrt(prod(shape[1:]))
    else:
        values = r.standard_normal(shape) * 0.02
    return values.astype(np.float32)


def oracle_input(shape: Sequence[int]) -> NDArray[np.float32]:
    """The input that the oracle's logits were computed with, a batch of one; `shape` is [channels, height, width]."""
    return np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32)
