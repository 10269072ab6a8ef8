"""Everything random in a run, as functions of the seed and of where the run stands: nothing of it need be saved.

The order of examples depends on (seed, epoch), what is changed in a picture on (seed, epoch, its index), and torch's
generators are seeded anew for each batch, by (seed, epoch, batch, process). So a run continues from any batch as if it
had never stopped, and a batch of several processes is that of one.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX: Final = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


def key(*words: object) -> int:
    """64 bits that depend on all of `words`."""
    return int.from_bytes(sha256("\0".join(map(str, words)).encode()).digest()[:8], "little")


def order(seed: int, epoch: int, count: int) -> Ints:
    """The indices of `count` examples in the order of an epoch, which counts from 0."""
    return np.random.Generator(np.random.PCG64(key(seed, "order", epoch))).permutation(count)


def batch_seed(seed: int, epoch: int, batch: int, rank: int = 0) -> int:
    """What torch's generators are seeded with before a batch; epochs, batches and processes count from 0."""
    return key(seed, "batch", epoch, batch, rank)


def uniform(indices: Ints, *words: object) -> NDArray[np.float64]:
    """A number from [0, 1) for each index, by the index and `words` (SplitMix64; Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        mixed: Any = np.uint64(key(*words)) + indices.astype(np.uint64) * _GOLDEN
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed >> shift)) * factor
    mixed ^= mixed >> np.uint64(31)
    numbers: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64)
    return numbers * 2.0**-53
