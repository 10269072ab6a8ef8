"""Every shipped block, one row each: the harness checks everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import archc
from archc.analysis.cost import costs
from archc.blocks.library import Library, shipped_blocks
from archc.blocks.primitives import PRIMITIVES, Primitive
from archc.diagnostics import Report
from archc.spec.model import Definition


class Row(NamedTuple):
    """A use of a block: its fields, what enters and leaves (without the batch), and its learned parameters."""

    type: str
    fields: dict[str, Any]
    input: tuple[int, ...]
    output: tuple[int, ...]
    parameters: int


ROWS = [
    Row(
        "bottleneck",
        {"width": 4, "stride": 2},
        (8, 6, 6),
        (16, 3, 3),
        8 * 4 + 4 * 4 * 9 + 4 * 16 + 8 * 16 + 2 * (4 + 4 + 16 + 16),
    ),
    Row("conv_norm_act", {"out_channels": 5, "stride": 2}, (3, 7, 7), (5, 4, 4), 3 * 5 * 9 + 2 * 5),
    Row(
        "conv_norm_act",
        {"out_channels": 5, "kernel_size": [1, 5], "norm": "none", "act": "silu"},
        (3, 7, 7),
        (5, 7, 7),
        3 * 5 * 5 + 5,
    ),
    Row("dense", {"growth": 4}, (6, 5, 5), (10, 5, 5), 2 * 6 + 6 * 16 + 2 * 16 + 16 * 4 * 9),
    Row("ghost", {"out_channels": 8, "stride": 2}, (3, 6, 6), (8, 3, 3), 3 * 4 + 4 * 9 + 2 * 4 + 2 * 4),
    Row(
        "inception",
        {"c1": 4, "c3": [3, 6], "c5": [2, 5], "pool": 7},
        (3, 8, 8),
        (22, 8, 8),
        16 + 12 + (27 + 1) * 6 + 8 + (50 + 1) * 5 + 28,
    ),
    Row(
        "inverted_residual",
        {"out_channels": 8, "expand": 2},
        (8, 6, 6),
        (8, 6, 6),
        8 * 16 + 16 * 9 + 16 * 8 + 2 * (16 + 16 + 8),
    ),
    Row(
        "inverted_residual",
        {"out_channels": 8, "stride": 2, "squeeze": 4},
        (4, 6, 6),
        (8, 3, 3),
        4 * 24 + 24 * 9 + (24 + 1) * 4 + (4 + 1) * 24 + 24 * 8 + 2 * (24 + 24 + 8),
    ),
    Row(
        "nin", {"out_channels": 6, "kernel_size": 5, "padding": 2}, (3, 9, 9), (6, 9, 9), (75 + 1) * 6 + 2 * (6 + 1) * 6
    ),
    Row("residual", {"out_channels": 3}, (3, 6, 6), (3, 6, 6), 2 * 81 + 2 * 6),
    Row("residual", {"out_channels": 6, "stride": 2}, (3, 6, 6), (6, 3, 3), 3 * 6 * 9 + 36 * 9 + 18 + 3 * 12),
    Row("residual", {"out_channels": 6}, (3, 6, 6), (6, 6, 6), 3 * 6 * 9 + 36 * 9 + 18 + 3 * 12),
    Row(
        "residual",
        {"out_channels": 6, "stride": 2, "bias": True, "shortcut_norm": "none"},
        (3, 6, 6),
        (6, 3, 3),
        3 * 54 + 6 + 36 * 9 + 6 + 18 + 6 + 2 * 12,
    ),
    Row("residual", {"out_channels": 4}, (2, 9), (4, 9), 2 * 4 * 3 + 16 * 3 + 8 + 3 * 8),
    Row("squeeze_excite", {"channels": 2}, (8, 4, 4), (8, 4, 4), (8 + 1) * 2 + (2 + 1) * 8),
    Row("transition", {}, (8, 6, 6), (4, 3, 3), 16 + 32),
    Row("vgg", {"out_channels": 6, "n": 2}, (3, 8, 8), (6, 4, 4), (27 + 1) * 6 + (54 + 1) * 6),
]
AXES = {2: ("length",), 3: ("height", "width"), 4: ("depth", "height", "width")}


def spec_of(row: Row, folder: Path) -> Path:
    """A spec with that one block; JSON is YAML."""
    sizes = dict(zip(AXES[len(row.input)], row.input[1:], strict=True))
    stage = {"name": "block", "type": row.type, **row.fields, "expect": list(row.output)}
    path = folder / "net.yaml"
    path.write_text(
        json.dumps({"archc": 1, "name": "net", "input": {"channels": row.input[0], **sizes}, "stages": [stage]})
    )
    return path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.type}-{'x'.join(map(str, row.output))}")
def test_a_block_gives_its_shape_and_parameters(row: Row, tmp_path: Path) -> None:
    spec = archc.load(spec_of(row, tmp_path))
    assert spec.check() == []
    assert spec.graph.types[spec.graph.outputs[0].value].shape == row.output
    assert costs(spec.graph)[""].parameters == row.parameters


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.type}-{'x'.join(map(str, row.output))}")
def test_the_targets_agree_on_a_block(row: Row, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from archc.backends.onnx import DEFAULT_OPSET
    from archc.verify import probe_state, verify

    graph = archc.load(spec_of(row, tmp_path)).graph
    assert verify(graph, probe_state(graph), DEFAULT_OPSET).agrees


def test_every_shipped_block_has_a_row() -> None:
    assert {row.type for row in ROWS} == set(shipped_blocks())


@pytest.mark.parametrize("name", shipped_blocks())
def test_every_shipped_block_documents_itself(name: str) -> None:
    definition = Library({}, Report()).find(name)
    assert isinstance(definition, Definition)
    assert definition.doc
    assert [param.name for param in definition.params if not param.doc] == []


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=lambda primitive: primitive.name)
def test_every_primitive_documents_itself(primitive: Primitive) -> None:
    assert primitive.doc
    assert [param.name for param in primitive.params if not param.doc] == []
