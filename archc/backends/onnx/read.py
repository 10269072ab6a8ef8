"""Reads the bytes of an ONNX file that is to be run, and what it says of itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import onnx
from google.protobuf.message import DecodeError, Message

LARGEST: Final = 2**31 - 1
"""Bytes of a file: protobuf's own limit."""


class Refused(Exception):
    """A file is no model that can be run; the text says why, as part of a sentence."""


@dataclass(frozen=True, slots=True)
class Read:
    """A model: its bytes, and its metadata."""

    data: bytes
    metadata: dict[str, str]


def read_onnx(path: str | os.PathLike[str]) -> Read:
    """The model in a file, which holds all of its tensors itself. Raises Refused, and OSError."""
    with open(path, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise Refused(f"it is no file of at most {LARGEST / 2**30:.0f} GiB")
        data = file.read()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError:
        raise Refused("it is not an ONNX file") from None
    if not model.ir_version or not model.graph.output:
        raise Refused("it is not an ONNX file")
    for message in _messages(model):
        if isinstance(message, onnx.TensorProto) and (
            message.external_data or message.data_location == onnx.TensorProto.EXTERNAL
        ):
            raise Refused(f"its tensor {message.name!r:.80} lies in another file, which is not read")
    return Read(data, {entry.key: entry.value for entry in model.metadata_props})


def _messages(top: Message) -> Iterator[Message]:
    """A message, and all that it holds, however deep."""
    waiting = [top]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if isinstance(value, Message) else value)
