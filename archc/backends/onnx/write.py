"""Bytes and files of a model: the same bytes every time, and a second file only past protobuf's limit.

A file is written tensor by tensor, so that a few of them at most are in memory. What is written is what
serialising the whole message gives: its fields in the order of their numbers
(https://protobuf.dev/programming-guides/encoding/), the tensors being field 5 of field 7.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import onnx

from archc.backends.files import staged
from archc.backends.onnx.ahead import values_of
from archc.backends.onnx.model import Model
from archc.backends.onnx.tensors import Tensor

LIMIT: Final = 2**31 - 2**24
"""Bytes of tensors above which they go to a file of their own: protobuf's 2 GiB, less room for all else."""

ALIGNMENT: Final = 4096
"""Where each tensor begins in that file: on a page, so that runtimes can map it."""

SMALL: Final = 1024
"""Tensors of fewer bytes, shapes say, stay where shape inference sees them."""

Message = onnx.ModelProto | onnx.GraphProto | onnx.TensorProto

GRAPH: Final = onnx.ModelProto.GRAPH_FIELD_NUMBER
INITIALIZER: Final = onnx.GraphProto.INITIALIZER_FIELD_NUMBER
RAW_DATA: Final = onnx.TensorProto.RAW_DATA_FIELD_NUMBER


def serialise(message: Message) -> bytes:
    """The bytes of a model, or of a part of one: the same every time."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data


def write_onnx(model: Model | onnx.ModelProto, path: str | os.PathLike[str], limit: int = LIMIT) -> None:
    """Write the model whole or not at all; above `limit` bytes its tensors go to `NAME.onnx.data` beside it.

    Raises OSError, and what making a tensor raises.
    """
    if isinstance(model, onnx.ModelProto):
        with staged(path) as file:
            file.write(serialise(model))
        return
    if model.bytes <= limit:
        with staged(path) as file:
            for piece in pieces(model):
                file.write(piece)
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(target.name + ".data")
    # the inner file is put in place first, so that the model never names tensors that are not there
    with staged(target) as file, staged(beside) as data:
        file.write(serialise(_outside(model, beside.name, data)))


def pieces(model: Model) -> Iterator[bytes | memoryview]:
    """The bytes of `serialise(model.whole())`, part by part."""
    graph = model.proto.graph
    before, after = _part(graph, lambda field: field < INITIALIZER), _part(graph, lambda field: field > INITIALIZER)
    heads = [_head(tensor) for tensor in model.tensors]
    length = len(before) + len(after)
    for tensor, head in zip(model.tensors, heads, strict=True):
        length += len(_tag(INITIALIZER, len(head) + tensor.bytes)) + len(head) + tensor.bytes
    yield _part(model.proto, lambda field: field < GRAPH)
    yield _tag(GRAPH, length)
    yield before
    for values, tensor, head in zip(values_of(model.tensors), model.tensors, heads, strict=True):
        yield _tag(INITIALIZER, len(head) + tensor.bytes) + head
        yield values.reshape(-1).view("u1").data
    yield after
    yield _part(model.proto, lambda field: field > GRAPH)


def _head(tensor: Tensor) -> bytes:
    """All of a tensor's message but its values, which are its last field."""
    return serialise(tensor.proto) + _tag(RAW_DATA, tensor.bytes)


def _tag(field: int, length: int) -> bytes:
    """What stands before a field that has a length."""
    return _varint(field << 3 | 2) + _varint(length)


def _varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    groups = []
    while number >= 1 << 7:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _part(message: Message, wanted: Callable[[int], bool]) -> bytes:
    """The bytes of the fields whose number is wanted."""
    part = type(message)()
    _copy_fields(message, part, wanted)
    return serialise(part)


def _copy_fields(source: Message, to: Message, wanted: Callable[[int], bool]) -> None:
    for field, value in source.ListFields():
        if not wanted(field.number):
            continue
        if isinstance(value, str | int):
            setattr(to, field.name, value)
        else:
            getattr(to, field.name).MergeFrom(value)


def _outside(model: Model, location: str, data: BinaryIO) -> onnx.ModelProto:
    """The model with its tensors written to `data` (https://onnx.ai/onnx/repo-docs/ExternalData.html)."""
    light = onnx.ModelProto()
    light.CopyFrom(model.proto)
    for values, tensor in zip(values_of(model.tensors), model.tensors, strict=True):
        proto = light.graph.initializer.add()
        proto.CopyFrom(tensor.proto)
        if tensor.bytes < SMALL:
            proto.raw_data = values.tobytes()
            continue
        data.write(b"\0" * (-data.tell() % ALIGNMENT))
        proto.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": location, "offset": str(data.tell()), "length": str(tensor.bytes)}
        for key, text in place.items():
            proto.external_data.add(key=key, value=text)
        data.write(values.reshape(-1).view("u1").data)
    return light
