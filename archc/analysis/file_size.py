"""How many bytes a file of weights has, without writing it."""

from __future__ import annotations

import json
from math import prod
from typing import Final

from archc.analysis.cost import BYTES
from archc.ir.graph import Graph

WORDS: Final = {"float32": "F32", "int64": "I64"}
LENGTH: Final = 8
"""Bytes of the header's length; the header is padded to a multiple of as many."""


def weights_file_bytes(graph: Graph) -> int:
    """The size of the safetensors file that holds every tensor, to the byte.

    A length, a JSON header that gives each tensor's type, shape and place, and the tensors: wider elements first, then by
    name (https://huggingface.co/docs/safetensors, "Format").
    """
    tensors = sorted(
        ((key, tensor) for key, tensor, _ in graph.tensors()), key=lambda one: (-BYTES[one[1].dtype], one[0])
    )
    header, at = {}, 0
    for key, tensor in tensors:
        end = at + prod(tensor.shape) * BYTES[tensor.dtype]
        header[key] = {"dtype": WORDS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, end]}
        at = end
    text = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    return LENGTH + -(-text // LENGTH) * LENGTH + at
