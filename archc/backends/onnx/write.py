"""Bytes and files of a model: the same bytes every time, and a second file only past protobuf's limit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

import onnx

from archc.backends.files import staged, write_whole

LIMIT: Final = 2**31 - 2**20
"""Bytes of tensors above which they go to a file of their own: protobuf's 2 GiB, less room for all else."""

ALIGNMENT: Final = 4096
"""Where each tensor begins in that file: on a page, so that runtimes can map it."""


def serialise(model: onnx.ModelProto) -> bytes:
    """The model's bytes, the same for the same model."""
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def write_onnx(model: onnx.ModelProto, path: str | os.PathLike[str], limit: int = LIMIT) -> None:
    """Write the model whole or not at all; above `limit` bytes its tensors go to `NAME.onnx.data` beside it."""
    target = Path(os.path.realpath(path))
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) <= limit:
        write_whole(target, serialise(model))
        return
    beside = target.with_name(target.name + ".data")
    # the inner file is put in place first, so that the model never names tensors that are not there
    with staged(target) as file, staged(beside) as data:
        file.write(serialise(_outside(model, beside.name, data)))


def _outside(model: onnx.ModelProto, location: str, data: BinaryIO) -> onnx.ModelProto:
    """The model with its tensors written to `data` (https://onnx.ai/onnx/repo-docs/ExternalData.html)."""
    light = onnx.ModelProto()
    _copy_fields(model, light, without="graph")
    _copy_fields(model.graph, light.graph, without="initializer")
    light.graph.initializer.extend(_external(tensor, location, data) for tensor in model.graph.initializer)
    return light


def _copy_fields(
    source: onnx.ModelProto | onnx.GraphProto, to: onnx.ModelProto | onnx.GraphProto, without: str
) -> None:
    for field, value in source.ListFields():
        if field.name == without:
            continue
        if isinstance(value, str | int):
            setattr(to, field.name, value)
        else:
            getattr(to, field.name).MergeFrom(value)


def _external(tensor: onnx.TensorProto, location: str, data: BinaryIO) -> onnx.TensorProto:
    if len(tensor.raw_data) < 1024:  # shapes and other constants stay where shape inference sees them
        return tensor
    data.write(b"\0" * (-data.tell() % ALIGNMENT))
    place = {"location": location, "offset": str(data.tell()), "length": str(len(tensor.raw_data))}
    data.write(tensor.raw_data)
    outside = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    outside.data_location = onnx.TensorProto.EXTERNAL
    for key, value in place.items():
        outside.external_data.add(key=key, value=value)
    return outside
