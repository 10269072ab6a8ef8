"""The Python and torch targets, on graphs made by hand: what the source says, and what the module does."""

from __future__ import annotations

import ast
import copy
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from archc.backends.python import to_python
from archc.backends.python.names import MODULE_ATTRIBUTES
from archc.diagnostics import Span
from archc.diagnostics.model import SourceFile
from archc.ir import Axis, Graph, Input, Node, Output, Scope, TensorType, ops
from archc.ir.verify import GraphError, verify

torch = pytest.importorskip("torch")

from archc.backends.torch import SourceError, check_source, to_torch  # noqa: E402  (torch may be absent)

SPAN = Span(SourceFile("test.yaml", ""), 1, 1, 1, 1)


class Builder:
    """Makes a graph by hand: ops and scopes in order, under the path of the open scopes."""

    def __init__(self, name: str, *sizes: int) -> None:
        axes = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}[len(sizes) - 1]
        self.name = name
        self.input = Input(sizes[0], tuple(Axis(a, s) for a, s in zip(axes, sizes[1:], strict=True)))
        self.types: list[TensorType] = [self.input.type]
        self.nodes: list[Node] = []
        self.scopes: list[Scope] = []
        self.order: list[str] = []
        self.prefix = ""

    def op(self, name: str | int, op: ops.Op, *inputs: int, init: tuple[tuple[str, ops.Init], ...] = ()) -> int:
        path = f"{self.prefix}{name}"
        self.types.append(op.infer(*(self.types[value] for value in inputs)))
        self.nodes.append(Node(path, op, inputs, len(self.types) - 1, SPAN, type(op).__name__.lower(), init))
        self.order.append(path)
        return len(self.types) - 1

    @contextmanager
    def scope(
        self, name: str | int, *inputs: int, kind: str = "group", type: str = "", names: tuple[str, ...] = ("input",)
    ) -> Iterator[Callable[[int], int]]:
        path = f"{self.prefix}{name}"
        self.order.append(path)
        place, outer, self.prefix = len(self.scopes), self.prefix, f"{path}."
        self.scopes.append(None)  # type: ignore[arg-type]
        result: list[int] = []

        def leave(value: int) -> int:
            result.append(value)
            return value

        yield leave
        self.prefix = outer
        self.scopes[place] = Scope(path, kind, type, inputs, result[0], SPAN, names)  # type: ignore[arg-type]

    def graph(self, *outputs: Output | int) -> Graph:
        found = tuple(Output("output", out) if isinstance(out, int) else out for out in outputs)
        graph = Graph(
            self.name,
            self.input,
            tuple(self.nodes),
            tuple(self.scopes),
            found,
            tuple(self.types),
            tuple(self.order),
        )
        verify(graph)
        return graph

    # Shorthands for the ops that most graphs are made of.

    def conv(self, name: str | int, x: int, out: int, kernel: int = 3, stride: int = 1, **more: object) -> int:
        rank = self.types[x].rank
        padding = more.pop("padding", kernel // 2)
        init = more.pop("init", ())
        return self.op(
            name,
            ops.Conv(
                self.types[x].channels,
                out,
                (kernel,) * rank,
                (stride,) * rank,
                (padding,) * rank,  # type: ignore[arg-type]
                (1,) * rank,
                **{"bias": False, **more},  # type: ignore[arg-type]
            ),
            x,
            init=init,  # type: ignore[arg-type]
        )

    def bn(self, name: str | int, x: int, **more: float) -> int:
        return self.op(name, ops.BatchNorm(self.types[x].channels, **more), x)

    def relu(self, name: str | int, x: int) -> int:
        return self.op(name, ops.Activation("relu"), x)

    def linear(self, name: str | int, x: int, out: int, init: tuple[tuple[str, ops.Init], ...] = ()) -> int:
        return self.op(name, ops.Linear(self.types[x].channels, out), x, init=init)

    def max_pool(self, name: str | int, x: int, kernel: int = 2, stride: int = 2, padding: int = 0) -> int:
        rank = self.types[x].rank
        return self.op(name, ops.MaxPool((kernel,) * rank, (stride,) * rank, (padding,) * rank, (1,) * rank), x)

    def head(self, x: int, classes: int, **more: object) -> int:
        x = self.op("avgpool", ops.AdaptiveAvgPool((1,) * self.types[x].rank), x)
        x = self.op("flatten", ops.Flatten(), x)
        return self.linear("fc", x, classes, **more)  # type: ignore[arg-type]


def residual(b: Builder, name: str | int, x: int, out: int, stride: int) -> int:
    with b.scope(name, x, kind="block", type="residual") as leave:
        y = b.conv("conv1", x, out, 3, stride)
        y = b.bn("bn1", y)
        y = b.relu("relu1", y)
        y = b.conv("conv2", y, out)
        y = b.bn("bn2", y)
        shortcut = x
        if stride != 1 or b.types[x].channels != out:
            with b.scope("downsample", x) as leave_down:
                shortcut = leave_down(b.bn(1, b.conv(0, x, out, 1, stride)))
        y = b.op("add", ops.Add(), y, shortcut)
        return leave(b.relu("relu", y))


def conv_norm_act(b: Builder, name: str | int, x: int, out: int, kernel: int, stride: int = 1) -> int:
    with b.scope(name, x, kind="block", type="conv_norm_act") as leave:
        return leave(b.relu("relu", b.bn("bn", b.conv("conv", x, out, kernel, stride), eps=0.001)))


def resnet(name: str = "resnet18", rank: int = 2, size: int = 64, width: int = 16) -> Graph:
    b = Builder(name, 3, *(size,) * rank)
    x = b.conv("conv1", 0, width, 7, 2)
    x = b.relu("relu", b.bn("bn1", x))
    x = b.max_pool("maxpool", x, 3, 2, 1)
    for index in range(4):
        with b.scope(f"layer{index + 1}", x, kind="repeat", type="residual") as leave:
            for copy_number in range(2):
                x = residual(b, copy_number, x, width * 2**index, 2 if index and not copy_number else 1)
            leave(x)
    return b.graph(b.head(x, 10))


def inception() -> Graph:
    b = Builder("small_inception", 3, 32, 32)
    x = conv_norm_act(b, "conv1", 0, 8, 7, 2)
    sizes = {"inception3a": (8, 12, 16, 4), "inception3b": (16, 16, 24, 8)}
    for name, (c1, c3, c3out, pool) in sizes.items():
        with b.scope(name, x, kind="block", type="mixed") as leave:
            one = conv_norm_act(b, "branch1", x, c1, 1)
            with b.scope("branch2", x) as leave_two:
                two = leave_two(conv_norm_act(b, 1, conv_norm_act(b, 0, x, c3, 1), c3out, 3))
            with b.scope("branch3", x) as leave_three:
                three = leave_three(conv_norm_act(b, 1, b.max_pool(0, x, 3, 1, 1), pool, 1))
            x = leave(b.op("join", ops.Concat(), one, two, three))
    logits = b.head(x, 10)
    with b.scope("aux1", x, kind="block", type="aux_head") as leave:
        y = b.op("pool", ops.AdaptiveAvgPool((2, 2)), x)
        y = b.op("dropout", ops.Dropout(0.7), b.op("flatten", ops.Flatten(), conv_norm_act(b, "conv", y, 8, 1)))
        aux = leave(b.linear("fc", y, 10))
    return b.graph(Output("logits", logits), Output("aux1", aux, training_only=True))


def unet() -> Graph:
    b = Builder("unet", 3, 32, 32)

    def twice(name: str, x: int, out: int) -> int:
        with b.scope(name, x, kind="block", type="twice") as leave:
            return leave(conv_norm_act(b, 1, conv_norm_act(b, 0, x, out, 3), out, 3))

    x, skips = 0, []
    for level in (1, 2):
        x = twice(f"enc{level}", x, 8 * level)
        skips.append(x)
        x = b.max_pool(f"pool{level}", x)
    x = twice("mid", x, 32)
    for level in (2, 1):
        skip = skips[level - 1]
        with b.scope(f"up{level}", x, skip, kind="block", type="up", names=("x", "skip")) as leave:
            y = b.op("up", ops.ConvTranspose(b.types[x].channels, 8 * level, (2, 2), (2, 2), (0, 0), (0, 0), (1, 1)), x)
            y = b.op("join", ops.Concat(), skip, y)
            x = leave(twice("conv", y, 8 * level))
    return b.graph(b.conv("head", x, 2, 1, bias=True))


def convnext() -> Graph:
    b = Builder("convnext", 3, 32, 32)
    with b.scope("features", 0) as leave:
        with b.scope(0, 0) as leave_stem:
            x = b.conv(0, 0, 8, 4, 4, padding=0, bias=True)
            x = leave_stem(b.op(1, ops.LayerNorm(8, 1e-6), x))
        with b.scope(1, x, kind="repeat", type="cnblock") as leave_stage:
            for index in range(3):
                with b.scope(index, x, kind="block", type="cnblock") as leave_block:
                    with b.scope("block", x) as leave_inner:
                        y = b.conv(0, x, 8, 7, groups=8, bias=True)
                        y = b.op(1, ops.Permute("channels_last"), y)
                        y = b.op(2, ops.LayerNorm(8, 1e-6), y)
                        y = b.linear(3, y, 32)
                        y = b.op(4, ops.Activation("gelu"), y)
                        y = b.linear(5, y, 8)
                        y = leave_inner(b.op(6, ops.Permute("channels_first"), y))
                    y = b.op("layer_scale", ops.Scale(8, 2, 1e-6), y)
                    y = b.op("stochastic_depth", ops.StochasticDepth(0.1 * index), y)
                    x = leave_block(b.op("add", ops.Add(), y, x))
            leave_stage(x)
        leave(x)
    return b.graph(b.head(x, 10))


def shuffle() -> Graph:
    b = Builder("shuffle", 8, 16, 16)
    with b.scope("stage", 0) as leave:
        x = 0
        for index in range(3):
            with b.scope(index, x, kind="block", type="unit") as leave_unit:
                left = b.op("left", ops.Chunk(2, 0), x)
                right = b.op("right", ops.Chunk(2, 1), x)
                with b.scope("branch2", right) as leave_branch:
                    right = leave_branch(b.relu(2, b.bn(1, b.conv(0, right, 4, 3, groups=4))))
                x = b.op("join", ops.Concat(), left, right)
                x = leave_unit(b.op("shuffle", ops.ChannelShuffle(2), x))
        leave(x)
    return b.graph(b.head(x, 10))


def numbered() -> Graph:
    """A numbered group that is no chain: without gaps, with one, and with a raw parameter."""
    b = Builder("numbered", 4, 8, 8)
    with b.scope("dense", 0) as leave:
        x = b.conv(0, 0, 4)
        y = b.relu(1, x)
        x = leave(b.op("join", ops.Concat(), x, y))
    with b.scope("gap", x) as leave:
        y = b.conv(0, x, 8)
        y = b.op(1, ops.Add(), x, y)
        y = b.op(2, ops.Scale(8, 2, 0.5), y)
        x = leave(b.relu(3, y))
    with b.scope("mixed-names", x) as leave:
        y = b.conv("block1-0", x, 8)
        y = b.conv("lambda", y, 8)
        x = leave(b.op("sum", ops.Multiply(), y, x))
    return b.graph(x)


def every_copy() -> Graph:
    """What `m.*` makes: the parent uses each copy's output, so it must call the copies itself."""
    b = Builder("spp", 4, 8, 8)
    x, found = b.conv("reduce", 0, 4, 1), []
    found.append(x)
    with b.scope("m", x, kind="repeat", type="max_pool") as leave:
        for index in range(3):
            x = b.max_pool(index, x, 3, 1, 1)
            found.append(x)
        leave(x)
    x = b.op("join", ops.Concat(), *found)
    return b.graph(b.conv("expand", x, 8, 1))


def two_outputs() -> Graph:
    b = Builder("pyramid", 3, 16, 16)
    small = b.conv("c1", 0, 4, 3, 2)
    large = b.conv("c2", small, 8, 3, 2)
    extra = b.conv("aux", large, 2, 1)
    return b.graph(Output("p1", small), Output("p2", large), Output("aux", extra, training_only=True))


def zoo_of_ops() -> Graph:
    b = Builder("ops", 8, 16, 16)
    x = b.op("group_norm", ops.GroupNorm(4, 8), 0)
    x = b.op("rms", ops.RMSNorm(8), x)
    x = b.op("lrn", ops.LocalResponseNorm(5, 1e-4), x)
    x = b.op("prelu", ops.PReLU(8, 0.1), x)
    x = b.op("leaky", ops.Activation("leaky_relu", {"negative_slope": 0.1}), x)
    x = b.op("pad", ops.Pad((1, 0), (2, 3)), x)
    x = b.op("reflect", ops.Pad((1, 1), (1, 1), "reflect"), x)
    x = b.op("value", ops.Pad((1, 0), (0, 1), "constant", 0.5), x)
    x = b.op("up", ops.Upsample((2, 2), "linear"), x)
    x = b.op("avg", ops.AvgPool((2, 2), (2, 2), (0, 0), count_include_pad=False), x)
    x = b.op("wide", ops.MaxPool((3, 2), (2, 1), (1, 0), (1, 1), True), x)
    x = b.op("amax", ops.AdaptiveMaxPool((4, 6)), x)
    x = b.op("pixel", ops.PixelShuffle(2), x)
    x = b.op("drop", ops.Dropout(0.2, True), x)
    x = b.op("batch_drop", ops.StochasticDepth(0.5, "batch"), x)
    last = b.op("last", ops.Permute("channels_last"), x)
    y = b.op("rms_last", ops.RMSNorm(2, 1e-5, False), last)
    y = b.op("scale_last", ops.Scale(2, 0, 0.1), y)
    y = b.op("both", ops.Concat(), y, last)
    y = b.op("soft", ops.Softmax(), y)
    y = b.op("first", ops.Permute("channels_first"), y)
    return b.graph(b.op("log", ops.Softmax(True), b.op("flatten", ops.Flatten(), y)))


def features_only() -> Graph:
    b = Builder("Perceptron-3", 5)
    x = b.linear("0", 0, 7)
    return b.graph(b.linear("2", b.bn("1", x, momentum=None), 2))  # type: ignore[arg-type]


def squeeze_excite() -> Graph:
    b = Builder("se", 4, 8, 8)
    x = 0
    for name, width in (("a", 8), ("b", 16)):
        x = b.conv(f"conv_{name}", x, width)
        with b.scope(name, x, kind="block", type="squeeze_excite") as leave:
            y = b.op("avgpool", ops.AdaptiveAvgPool((1, 1)), x)
            y = b.relu("activation", b.conv("fc1", y, width // 4, 1, bias=True))
            y = b.op("gate", ops.Activation("sigmoid"), b.conv("fc2", y, width, 1, bias=True))
            x = leave(b.op("scale", ops.Multiply(), y, x))
    return b.graph(x)


GRAPHS = {
    "resnet": resnet,
    "resnet1d": lambda: resnet("resnet1d", rank=1),
    "inception": inception,
    "unet": unet,
    "convnext": convnext,
    "shuffle": shuffle,
    "numbered": numbered,
    "every_copy": every_copy,
    "two_outputs": two_outputs,
    "ops": zoo_of_ops,
    "features": features_only,
    "squeeze_excite": squeeze_excite,
}
