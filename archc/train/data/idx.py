"""Reads IDX files, plain or gzipped: the format of MNIST (http://yann.lecun.com/exdb/mnist, "The IDX file format")."""

from __future__ import annotations

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UINT8: Final = 8
LARGEST: Final = 2**31


class Malformed(Exception):
    """A file of data is not what it should be; the text says how, as part of a sentence."""


def read_idx(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of uint8 in a file, whose shape must be `shape` but for the first axis. Raises Malformed and OSError."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:3] != bytes((0, 0, UINT8)) or head[3] != 1 + len(shape):
                raise Malformed(f"it is no IDX file of bytes with {1 + len(shape)} axes")
            sizes = tuple(int.from_bytes(file.read(4), "big") for _ in range(head[3]))
            if sizes[1:] != shape:
                raise Malformed(f"its pictures are {_times(sizes[1:])}, those of this data set {_times(shape)}")
            if prod(sizes) > LARGEST:
                raise Malformed(f"it says that it has {prod(sizes):,} bytes of data")
            data = file.read(prod(sizes) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Malformed("its compressed data is damaged") from error
    if len(data) != prod(sizes):
        raise Malformed(f"it has {'more' if len(data) > prod(sizes) else 'less'} data than the sizes that it names")
    return np.frombuffer(data, np.uint8).reshape(sizes).copy()


def _times(sizes: tuple[int, ...]) -> str:
    return " × ".join(map(str, sizes))
