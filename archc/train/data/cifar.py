"""Reads CIFAR-10 and CIFAR-100 in their binary form (https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version").

The other form, pickled, is not read: a pickle can run code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from archc.train.data.examples import Damaged
from archc.train.faults import reason

Split = tuple[NDArray[Any], NDArray[Any]]

PIXELS: Final = 3 * 32 * 32
FILES: Final = {
    "cifar10": ([f"data_batch_{at}.bin" for at in range(1, 6)], ["test_batch.bin"], 1),
    "cifar100": (["train.bin"], ["test.bin"], 2),
}
"""The files to train and to test on, and how many bytes of labels go before each picture; the last is the class."""


def read_cifar(folder: Path, name: str) -> tuple[Split, Split] | None:
    """Pictures (N, 3, 32, 32) and classes (N,) to train and to test on; None where the files are not there. Raises Damaged."""
    train, test, labels = FILES[name]
    if not all((folder / file).is_file() for file in (*train, *test)):
        return None
    return _records(folder, train, labels), _records(folder, test, labels)


def _records(folder: Path, files: list[str], labels: int) -> Split:
    records = np.concatenate([_read(folder / file, labels + PIXELS) for file in files])
    return records[:, labels:].reshape(-1, 3, 32, 32).copy(), records[:, labels - 1].astype(np.int64)


def _read(path: Path, size: int) -> NDArray[Any]:
    """The records of `size` bytes in a file."""
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise Damaged(path, reason(error)) from None
    if not data.size or data.size % size:
        raise Damaged(path, f"it has {data.size:,} bytes, which are no whole pictures of {size:,}")
    return data.reshape(-1, size)
