"""Static quantisation to int8 by onnxruntime, in its QDQ form, and what it costs in exactness.

https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from archc.backends.onnx.model import INPUT, Model
from archc.backends.onnx.tensors import Array
from archc.backends.onnx.write import write_onnx

KINDS: Final[tuple[tuple[str, ...], ...]] = ((), ("Conv", "ConvTranspose", "Gemm", "MatMul"))
"""Operators that are quantised, all for none."""
VALUES: Final = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}
"""Of int8 onnxruntime (1.32) makes uint8 itself on x86, and from opset 21 on refuses some of what it made."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How far an output of the quantised network is from that of the other, over all examples."""

    output: str
    difference: float
    largest: float
    """The largest absolute value before."""
    decibels: float
    """The power of the output over that of the difference."""
    agreeing: float | None
    """The share of examples whose largest element stays the same, where the output is features."""


class Unquantisable(Exception):
    """onnxruntime has no int8 form of the network that it would run."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """A model in int8."""

    proto: onnx.ModelProto
    kinds: tuple[str, ...]
    """The operators that are, where not all that have a form in int8 could be."""
    values: str
    """int8, or uint8; weights are int8."""
    before: dict[str, Array]
    """What the model gave for the examples, at each output, before."""


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives examples, batch by batch."""

    def __init__(self, batches: Iterator[Array]) -> None:
        self.batches = batches

    def get_next(self) -> dict[str, Array] | None:
        """The next batch, by the input's name."""
        batch = next(self.batches, None)
        return None if batch is None else {INPUT: batch}


def batches_of(examples: Array, size: int) -> Iterator[Array]:
    """Batches of one size, the last filled up with its last example."""
    for at in range(0, len(examples), size):
        batch = examples[at : at + size]
        yield np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])


def quantised(model: Model, examples: Array, batch: int = 1) -> Quantised:
    """The model with int8 weights for each channel and int8 values, their ranges those that `examples` give.

    `model` is best folded. onnxruntime leaves what it has no int8 form of in float32. Of what its quantiser makes it
    refuses some: then values are uint8, or only layers with weights are quantised. Raises Unquantisable.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        write_onnx(model, before)
        given = _run(before, examples, batch)
        if not all(np.isfinite(values).all() for values in given.values()):
            raise Unquantisable("the network gives numbers that are not finite for these examples")
        reason = ""
        for kinds, values in product(KINDS, VALUES):
            try:
                reader = _Reader(batches_of(examples, batch))
                _quantise(before, after, reader, _grouped_transposes(model.proto), kinds, VALUES[values])
                _run(after, examples[:1], batch)
            except Exception as error:  # onnxruntime and its quantiser raise of all kinds
                reason = reason or (str(error).strip().splitlines() or [type(error).__name__])[0]
                continue
            return Quantised(_told_of(model.proto, onnx.load(after)), kinds, values, given)
    raise Unquantisable(f"onnxruntime says: {reason}")


def _quantise(
    before: Path, after: Path, reader: _Reader, left: list[str], kinds: tuple[str, ...], values: QuantType
) -> None:
    logging.disable(logging.WARNING)  # advice on preparing a model, which this one is
    try:
        quantize_static(
            str(before),
            str(after),
            reader,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=values,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=left,
            op_types_to_quantize=list(kinds) or None,
        )
    finally:
        logging.disable(logging.NOTSET)


def _grouped_transposes(proto: onnx.ModelProto) -> list[str]:
    """Transposed convolutions in groups, whose weights have fewer scales than the bias has channels (onnxruntime 1.32)."""
    nodes = [node for node in proto.graph.node if node.op_type == "ConvTranspose"]
    return [node.name for node in nodes if any(one.name == "group" and one.i > 1 for one in node.attribute)]


def _told_of(before: onnx.ModelProto, made: onnx.ModelProto) -> onnx.ModelProto:
    """`made` with what `before` says of itself."""
    made.producer_name, made.producer_version = before.producer_name, before.producer_version
    made.doc_string = f"{before.doc_string}, quantised to int8"
    del made.metadata_props[:]
    made.metadata_props.extend(before.metadata_props)
    return made


def losses(found: Quantised, examples: Array, batch: int = 1) -> list[Loss]:
    """What quantisation changes at each output, for the examples that it was made by."""
    after = _given(found.proto, examples, batch)
    return [_loss(name, before, after[name]) for name, before in found.before.items()]


def accuracies(
    model: Model, made: onnx.ModelProto, examples: Array, classes: Array, output: int, batch: int = 1
) -> tuple[float, float]:
    """The share of examples whose class has the largest score at an output, before and after quantisation."""
    found = (list(_given(one, examples, batch).values())[output].argmax(1) for one in (model, made))
    before, after = (float((told == classes).mean()) for told in found)
    return before, after


def _given(model: Model | onnx.ModelProto, examples: Array, batch: int) -> dict[str, Array]:
    """What a model gives at each output."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(model, path)
        return _run(path, examples, batch)


def _run(path: Path, examples: Array, batch: int) -> dict[str, Array]:
    options: Any = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised as well
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = [session.run(names, {INPUT: x}) for x in batches_of(examples, batch)]
    return {
        name: np.concatenate(parts)[: len(examples)] for name, parts in zip(names, zip(*rows, strict=True), strict=True)
    }


def _loss(name: str, before: Array, after: Array) -> Loss:
    wide = before.astype(np.float64)
    apart = after - wide
    noise = float((apart**2).sum())
    decibels = 10 * np.log10(float((wide**2).sum()) / noise) if noise else float("inf")
    is_scores = before.ndim == 2 and before.shape[1] > 1
    agreeing = float((before.argmax(1) == after.argmax(1)).mean()) if is_scores else None
    return Loss(name, float(np.abs(apart).max()), float(np.abs(wide).max()), float(decibels), agreeing)
