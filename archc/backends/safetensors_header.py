"""Reads safetensors (https://huggingface.co/docs/safetensors, "Format") with every number bounded before it is used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LARGEST_HEADER: Final = 8 * 2**20
LARGEST_RANK: Final = 8
WIDTHS: Final[Mapping[str, int]] = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8}
"""Bytes per element of the types that are read; the floating ones all become float32."""

NUMPY: Final[Mapping[str, str]] = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}


class Malformed(Exception):
    """The file is not what it should be; the text says how, as part of a sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the file: where its bytes stand, and how to read them."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def is_integer(self) -> bool:
        """Whether it holds whole numbers."""
        return self.dtype == "I64"

    def read(self, file: BinaryIO) -> Array:
        """The tensor, as float32 or int64 of this machine's byte order."""
        file.seek(self.start)
        data = bytearray(self.end - self.start)
        if file.readinto(data) != len(data):  # type: ignore[attr-defined]
            raise Malformed("it ends before its tensors do")
        raw: Array = np.frombuffer(data, NUMPY[self.dtype])
        if self.dtype == "BF16":  # the upper half of a float32
            raw = (raw.astype(np.uint32) << np.uint32(16)).view(np.float32)
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite
            return raw.astype(np.int64 if self.is_integer else np.float32, copy=False).reshape(self.shape)


def read_entries(file: BinaryIO, size: int, most: int) -> dict[str, Entry]:
    """The tensors that the header lists, at most `most`, of a file of `size` bytes. Raises Malformed."""
    header, length = _header(file, size)
    header.pop("__metadata__", None)
    if len(header) > most:
        raise Malformed(f"it lists {len(header)} tensors, more than {most}")
    entries = {name: _entry(name, fields, 8 + length) for name, fields in header.items()}
    _check_places(entries, 8 + length, size)
    return entries


def read_texts(file: BinaryIO, size: int) -> dict[str, str]:
    """The texts that the header holds beside the tensors. Raises Malformed."""
    texts = _header(file, size)[0].get("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise Malformed("its `__metadata__` is no mapping of texts")
    return texts


def _header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header, and how many bytes it has."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or not 2 <= length <= size - 8:
        raise Malformed("it is neither safetensors nor a torch checkpoint")
    if length > LARGEST_HEADER:
        raise Malformed(f"its header has {length} bytes, more than {LARGEST_HEADER}")
    return _parse(file.read(length)), length


def _parse(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is neither safetensors nor a torch checkpoint") from error
    if not isinstance(header, dict):
        raise Malformed("its header is no object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("its header has a key twice")
    return found


def _entry(name: str, fields: object, offset: int) -> Entry:
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"its entry {name!r:.80} has other fields than dtype, shape and data_offsets")
    dtype, shape, place = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in WIDTHS:
        raise Malformed(f"its tensor {name!r:.80} has the type {dtype!r:.20}, not one of {', '.join(WIDTHS)}")
    if not _sizes(shape) or len(shape) > LARGEST_RANK or not _sizes(place) or len(place) != 2:
        raise Malformed(f"its tensor {name!r:.80} has an impossible shape or place")
    start, end = place
    if end - start != prod(shape) * WIDTHS[dtype]:
        raise Malformed(f"its tensor {name!r:.80} has {end - start} bytes, not those of its shape")
    return Entry(dtype, tuple(shape), offset + start, offset + end)


def _sizes(values: object) -> bool:
    """Whether it is a list of natural numbers that files can have."""
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _check_places(entries: Mapping[str, Entry], start: int, size: int) -> None:
    """The tensors must fill the rest of the file without gap or overlap, as the format asks."""
    at = start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != at:
            raise Malformed(f"its tensor {name!r:.80} leaves a gap or overlaps another")
        at = entry.end
    if at != size:
        raise Malformed(f"its tensors end at byte {at}, the file at {size}")
