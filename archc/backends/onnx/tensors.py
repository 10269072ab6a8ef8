"""The constant tensors of a model: known by type and shape at once, by value only when they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

Array = NDArray[Any]

DTYPES: Final[Mapping[str, int]] = {
    "float16": onnx.TensorProto.FLOAT16,
    "float32": onnx.TensorProto.FLOAT,
    "int64": onnx.TensorProto.INT64,
}


class OutOfRange(Exception):
    """A tensor holds a number that float16 does not: `name` is the tensor, `value` the number."""

    def __init__(self, name: str, value: float) -> None:
        self.name, self.value = name, value
        super().__init__(f"{name}: {value}")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; `make` gives its values, as `dtype` and of `shape`."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    make: Callable[[], Array]

    @property
    def bytes(self) -> int:
        """The size of its values."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    @property
    def proto(self) -> onnx.TensorProto:
        """What the file says of it, without values."""
        return onnx.TensorProto(name=self.name, data_type=DTYPES[self.dtype], dims=self.shape)

    def values(self) -> Array:
        """Its values, little-endian whatever the machine. Raises ValueError where they are not what was announced."""
        array = self.make()
        if array.shape != self.shape or array.dtype.name != self.dtype:
            raise ValueError(f"{self.name} should be {self.dtype} {self.shape}, it is {array.dtype} {array.shape}")
        return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).reshape(self.shape)


def constant(name: str, array: Array) -> Tensor:
    """A tensor whose values are known."""
    return Tensor(name, array.dtype.name, array.shape, lambda: array)


def halved(tensor: Tensor) -> Tensor:
    """The tensor in float16; making its values raises OutOfRange where one is finite and too large for that."""

    def make() -> Array:
        wide = tensor.make()
        with np.errstate(over="ignore"):
            narrow = wide.astype(np.float16)
        lost = np.isinf(narrow) & np.isfinite(wide)
        if lost.any():
            raise OutOfRange(tensor.name, float(wide[lost].flat[0]))
        return narrow

    return replace(tensor, dtype="float16", make=make)


def reshaped(tensor: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    """The tensor in another shape."""
    return Tensor(name, tensor.dtype, shape, lambda: tensor.make().reshape(shape))


def transposed(tensor: Tensor, name: str, order: tuple[int, ...]) -> Tensor:
    """The tensor with its axes in another order."""
    shape = tuple(tensor.shape[axis] for axis in order)
    return Tensor(name, tensor.dtype, shape, lambda: tensor.make().transpose(order))
