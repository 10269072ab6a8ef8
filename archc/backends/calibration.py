"""Reads examples to calibrate with: NumPy's `.npy` and `.npz` (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).

Nothing is unpickled, and no more is read than is used, whatever the file says of itself.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from math import prod
from typing import IO, Any, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from archc.ir.graph import Input

Array = NDArray[Any]

MOST_EXAMPLES: Final = 512
MOST_BYTES: Final = 2**30
"""What is read at most, as float32; at least one example is."""


class Unusable(Exception):
    """The file cannot serve; the text says why, as part of a sentence."""


def read_examples(path: str | os.PathLike[str], entry: Input) -> Array:
    """The first examples of the file, (count, channels, *sizes) in float32, as they enter the network.

    Of an `.npz` the array called `input`, or its only one. Raises Unusable, OSError.
    """
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        try:
            if start == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive, archive.open(_member(archive)) as member:
                    return _examples(member, entry)
            return _examples(file, entry)
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unusable(f"it is neither .npy nor .npz: {str(error)[:120]}") from error


def _member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    arrays = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if "input" not in arrays and len(arrays) != 1:
        raise Unusable(f"it holds {len(arrays)} arrays, none of them called `input`")
    return arrays.get("input") or next(iter(arrays.values()))


def _examples(file: IO[bytes], entry: Input) -> Array:
    version = npy.read_magic(file)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
    if read is None:
        raise Unusable(f"its format has the version {version[0]}.{version[1]}")
    shape, is_fortran, dtype = read(file)
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise Unusable(f"its elements are {dtype}, not numbers")
    if is_fortran:
        raise Unusable("its axes are stored in Fortran's order; save `numpy.ascontiguousarray(x)`")
    wanted = ", ".join(
        ["N", str(entry.channels), *(axis.name if axis.free else str(axis.default) for axis in entry.axes)]
    )
    sizes = shape[2:]
    fits = len(shape) == 2 + len(entry.axes) and shape[1] == entry.channels
    if not fits or not all(axis.allows(size) for axis, size in zip(entry.axes, sizes, strict=True)):
        raise Unusable(f"its shape is {shape}, the network takes ({wanted})")
    most = min(shape[0], MOST_EXAMPLES, max(1, MOST_BYTES // (4 * prod(shape[1:]))))
    if most < 1:
        raise Unusable("it holds no example")
    needed = most * prod(shape[1:]) * dtype.itemsize
    raw = file.read(needed)
    if len(raw) != needed:
        raise Unusable("it ends before its examples do")
    with np.errstate(over="ignore"):
        examples = np.frombuffer(raw, dtype).astype(np.float32).reshape(most, *shape[1:])
    if not np.isfinite(examples).all():
        raise Unusable("it holds numbers that are not finite in float32")
    return examples


def random_examples(entry: Input, count: int, seed: int) -> Array:
    """Normal random numbers in the shape of examples."""
    sizes = [axis.default for axis in entry.axes]
    return np.random.default_rng(seed).standard_normal((count, entry.channels, *sizes), np.float32)
