"""The networks that archc exists for: parameters, multiply-accumulates, shapes and training as in tests/data/networks.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from archc.analysis.cost import costs
from archc.analysis.replay import types_at
from archc.analysis.summary import summary
from archc.api import load, load_with, plain
from archc.ir import Graph
from archc.ir.ops import Activation, AvgPool, BatchNorm, Conv, Linear, MaxPool
from archc.spec.load import shipped_specs

NETWORKS: dict[str, dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "networks.yaml").read_text(encoding="utf-8")
)
TRAINED = [name for name, row in NETWORKS.items() if "training" in row]


def shapes(graph: Graph) -> dict[str, list[int]]:
    """The shape of every module's output, by path."""
    return {item.path: list(graph.types[item.output].shape) for item in (*graph.nodes, *graph.scopes)}


def test_every_shipped_network_has_a_row() -> None:
    assert set(NETWORKS) == {name for name in shipped_specs() if not name.startswith("families/")}


@pytest.mark.parametrize("name", NETWORKS)
def test_figures(name: str) -> None:
    row, graph = NETWORKS[name], load(name).graph
    found = summary(graph)
    assert [*found.input] == row["input"]
    assert (found.parameters, found.macs) == (row["parameters"], row["macs"])
    made = shapes(graph)
    assert {path: made.get(path) for path in row["shapes"]} == row["shapes"]


@pytest.mark.parametrize("name", TRAINED)
def test_training(name: str) -> None:
    tree = load(name).loaded.tree
    assert tree is not None
    train = plain(tree.entries["train"].value)
    row = NETWORKS[name]["training"]
    assert train["data"] == {"type": "fashion_mnist", "resize": row["resize"]}
    assert train["optimizer"] == {"type": "sgd", "lr": row["lr"]}
    assert (train["batch_size"], train["epochs"]) == (row["batch_size"], row["epochs"])


@pytest.mark.parametrize("name", TRAINED)
def test_pictures_are_scaled_to_a_size_that_the_network_takes(name: str) -> None:
    graph = load(name).graph
    size = NETWORKS[name]["training"]["resize"]
    for axis in graph.input.axes:
        assert axis.default == size or (axis.free and axis.min <= size and size % axis.multiple_of == 0)
    _, fault = types_at(graph, (size, size))
    assert fault is None


@pytest.mark.parametrize("name", TRAINED)
def test_convolutions_and_linears_begin_xavier_uniform(name: str) -> None:
    drawn = {
        key: init.type
        for node in load(name).graph.nodes
        if isinstance(node.op, (Conv, Linear))
        for key, _, init in node.tensors()
        if key.endswith(".weight")
    }
    assert set(drawn.values()) == {"xavier_uniform"}


def test_resnet18_at_256() -> None:
    graph = load("fashion_mnist/resnet18").graph
    types, fault = types_at(graph, (256, 256))
    assert fault is None
    found = {scope.path: types[scope.output].shape for scope in graph.scopes}
    assert types[graph.node_at["pool1"].output].shape == (64, 64, 64)
    assert [found[f"layer{k}"] for k in range(1, 5)] == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8)]


@pytest.mark.parametrize("width", [0.25, 0.5, 1.0])
def test_vgg11_has_one_param_for_its_width(width: float) -> None:
    spec = load("fashion_mnist/vgg11", width=width)
    assert spec.check() == []
    assert costs(spec.graph)["block5"].parameters == 2 * (512 * width * 512 * width * 9 + 512 * width)


# -- blocks, one by one -------------------------------------------------------------------------------------------------


def block(stage: str, channels: int = 3, size: int = 6) -> Graph:
    """A network of one stage."""
    text = f"{{archc: 1, name: one, input: {{channels: {channels}, height: {size}, width: {size}}}, stages: [{stage}]}}"
    return load_with("-", [], data=text.encode()).graph


def chain(graph: Graph) -> list[str]:
    """The ops in order, with what matters of each: `conv 3/1/1 64` is kernel, stride, padding and channels."""
    return [_row(node.op) for node in graph.nodes]


def _row(op: object) -> str:
    if isinstance(op, Conv):
        return f"conv {op.kernel_size[0]}/{op.stride[0]}/{op.padding[0]} {op.out_channels}" + (
            " bias" if op.bias else ""
        )
    if isinstance(op, (MaxPool, AvgPool)):
        return f"{type(op).__name__} {op.kernel_size[0]}/{op.stride[0]}/{op.padding[0]}"
    return op.function if isinstance(op, Activation) else type(op).__name__


def test_vgg() -> None:
    found = chain(block("{type: vgg, n: 2, out_channels: 8}"))
    assert found == ["conv 3/1/1 8 bias", "relu", "conv 3/1/1 8 bias", "relu", "MaxPool 2/2/0"]


def test_nin() -> None:
    found = chain(block("{type: nin, out_channels: 96, kernel_size: 11, stride: 4}", size=224))
    assert found == ["conv 11/4/0 96 bias", "relu", *["conv 1/1/0 96 bias", "relu"] * 2]


def test_inception() -> None:
    found = chain(block("{type: inception, c1: 64, c3: [96, 128], c5: [16, 32], pool: 32}", channels=192))
    assert found == [
        *["conv 1/1/0 64 bias", "relu"],
        *["conv 1/1/0 96 bias", "relu", "conv 3/1/1 128 bias", "relu"],
        *["conv 1/1/0 16 bias", "relu", "conv 5/1/2 32 bias", "relu"],
        *["MaxPool 3/1/1", "conv 1/1/0 32 bias", "relu"],
        "Concat",
    ]


@pytest.mark.parametrize(
    ("fields", "shape", "projects"),
    [
        ("out_channels: 3", (3, 6, 6), False),
        ("out_channels: 6, stride: 2", (6, 3, 3), True),
        ("out_channels: 6", (6, 6, 6), True),
        ("out_channels: 3, stride: 2", (3, 3, 3), True),
        ("out_channels: 3, shortcut: projection", (3, 6, 6), True),
    ],
)
@pytest.mark.parametrize("norm", ["batch_norm", "none"])
@pytest.mark.parametrize("bias", [False, True])
def test_residual(fields: str, shape: tuple[int, ...], projects: bool, norm: str, bias: bool) -> None:
    graph = block(f"{{name: block, type: residual, {fields}, shortcut_norm: {norm}, bias: {str(bias).lower()}}}")
    assert graph.types[graph.outputs[0].value].shape == shape
    stride, tail = 6 // shape[1], " bias" if bias else ""
    shortcut = [f"conv 1/{stride}/0 {shape[0]}{tail}", *(["BatchNorm"] if norm == "batch_norm" else [])]
    assert chain(graph) == [
        *[f"conv 3/{stride}/1 {shape[0]}{tail}", "BatchNorm", "relu"],
        *[f"conv 3/1/1 {shape[0]}{tail}", "BatchNorm"],
        *(shortcut if projects else []),
        *["Add", "relu"],
    ]


@pytest.mark.parametrize(("stride", "channels"), [(1, 64), (2, 64), (1, 256), (2, 256)])
def test_bottleneck(stride: int, channels: int) -> None:
    graph = block(f"{{type: bottleneck, width: 64, stride: {stride}}}", channels=channels)
    projects = stride != 1 or channels != 256
    assert chain(graph) == [
        *["conv 1/1/0 64", "BatchNorm", "relu"],
        *[f"conv 3/{stride}/1 64", "BatchNorm", "relu"],
        *["conv 1/1/0 256", "BatchNorm"],
        *([f"conv 1/{stride}/0 256", "BatchNorm"] if projects else []),
        *["Add", "relu"],
    ]


@pytest.mark.parametrize(
    ("stage", "last"),
    [("{type: residual, out_channels: 6", "bn2"), ("{type: bottleneck, width: 3", "bn3")],
)
@pytest.mark.parametrize("zero", [False, True])
def test_zero_init_residual(stage: str, last: str, zero: bool) -> None:
    graph = block(f"{stage}, name: block, zero_init_residual: {str(zero).lower()}}}")
    norms = {
        node.path: {key: init.type for key, _, init in node.tensors()}
        for node in graph.nodes
        if isinstance(node.op, BatchNorm)
    }
    drawn = {path: tensors[f"{path}.weight"] for path, tensors in norms.items()}
    assert drawn == {path: "zeros" if zero and path == f"block.{last}" else "ones" for path in norms}
