"""The valid sizes, proved: against the shape rules run at every size, and against torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import archc
from archc.analysis.sizes import types_at
from archc.analysis.valid_sizes import ValidSizes, describe, valid_sizes
from archc.ir import Graph
from archc.ir.passes import inference, run_passes
from archc.spec.load import shipped_specs

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))


def brute(graph: Graph, axis: int, sizes: range) -> set[int]:
    """The sizes at which every shape rule holds."""
    defaults = [one.default for one in graph.input.axes]
    good = set()
    for size in sizes:
        spatial = (*defaults[:axis], size, *defaults[axis + 1 :])
        if types_at(graph, spatial)[1] is None:
            good.add(size)
    return good


@pytest.mark.parametrize("name", [*shipped_specs(), *EXAMPLES], ids=str)
def test_the_set_is_that_of_the_shape_rules(name: str | Path) -> None:
    graph = archc.load(name).graph
    for axis in range(len(graph.input.axes)):
        for training, checked in ((True, graph), (False, run_passes(graph, [inference]))):
            found = valid_sizes(graph, axis, training)
            assert found is not None
            sizes = range(1, 140)
            assert {size for size in sizes if size in found} == brute(checked, axis, sizes)


def net(folder: Path, stages: list[dict[str, Any]], size: int, **fields: Any) -> Graph:
    """A network over a sequence; JSON is YAML."""
    path = folder / "net.yaml"
    path.write_text(
        json.dumps({"archc": 1, "name": "net", "input": {"channels": 2, "length": size}, "stages": stages, **fields})
    )
    return archc.load(path).graph


UP = {"name": "up", "type": "upsample", "scale_factor": 4}
CASES: list[tuple[str, list[dict[str, Any]], int, str]] = [
    ("a chain of strides", [{"type": "max_pool", "kernel_size": 2}, {"type": "conv", "out_channels": 2, "kernel_size": 3, "stride": 2}], 64, "every size from 6"),
    ("a skip over two halvings", [{"name": "a", "type": "max_pool", "kernel_size": 4}, UP, {"type": "add", "from": ["up", "input"]}], 64, "multiples of 4 from 4"),
    ("flatten and linear", [{"type": "max_pool", "kernel_size": 4}, {"type": "flatten"}, {"type": "linear", "out_features": 3}], 66, "64 to 67"),
    (
        "branches that agree at one size",
        [{"name": "a", "type": "conv", "out_channels": 2, "kernel_size": 1, "stride": 2}, {"name": "b", "from": "input", "type": "conv", "out_channels": 2, "kernel_size": 5},
         {"type": "concat", "from": ["a", "b"]}],
        8, "8 to 9",
    ),
    ("dilation", [{"type": "conv", "out_channels": 2, "kernel_size": 3, "dilation": 4}], 32, "every size from 9"),
    ("a transposed convolution", [{"type": "conv_transpose", "out_channels": 2, "kernel_size": 2, "stride": 2, "padding": 2}], 8, "every size from 3"),
    ("an adaptive pool forgets", [{"type": "adaptive_avg_pool", "output_size": 3}, {"type": "flatten"}, {"type": "linear", "out_features": 3}], 8, "every size from 1"),
    ("ceil mode", [{"name": "a", "type": "max_pool", "kernel_size": 3, "stride": 2, "ceil_mode": True}, {"name": "up", "type": "upsample", "scale_factor": 2},
                   {"type": "add", "from": ["up", "input"]}], 8, "multiples of 2 from 2"),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "size", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_set_in_words_and_by_brute_force(
    stages: list[dict[str, Any]], size: int, words: str, tmp_path: Path
) -> None:
    graph = net(tmp_path, stages, size)
    found = valid_sizes(graph, 0)
    assert found is not None
    assert {size for size in range(1, 200) if size in found} == brute(graph, 0, range(1, 200))
    assert describe(found) == words


@pytest.mark.parametrize(("stages", "size", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_torch_takes_exactly_these_sizes(stages: list[dict[str, Any]], size: int, words: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    from archc.backends.torch import to_torch

    graph = net(tmp_path, stages, size)
    module, found = to_torch(graph).eval(), valid_sizes(graph, 0)
    assert found is not None
    for length in range(1, 100):
        try:
            with torch.no_grad():
                works = module(torch.zeros(2, 2, length)).numel() > 0  # archc refuses empty maps on purpose
        except RuntimeError:
            works = False
        assert works == (length in found), length


def test_training_and_inference_can_differ(tmp_path: Path) -> None:
    """An auxiliary head that exists in training only needs a larger input."""
    stages = [
        {"name": "a", "type": "conv", "out_channels": 2, "kernel_size": 3},
        {"name": "main", "type": "global_avg_pool"},
        {"name": "aux", "from": "a", "type": "max_pool", "kernel_size": 10},
    ]
    graph = net(tmp_path, stages, 64, outputs={"out": "main", "aux": {"from": "aux", "only": "training"}})
    assert str(valid_sizes(graph, 0)) == "every size from 3"
    assert str(valid_sizes(graph, 0, training=True)) == "every size from 12"


def test_a_set_can_have_classes_and_single_sizes() -> None:
    assert str(ValidSizes(8, {3: 11, 5: 5}, (1, 2))) == "5, 11, and each of these plus a multiple of 8, 1 to 2"
    assert str(ValidSizes(1, {}, ())) == "none"
