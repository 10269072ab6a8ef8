"""The Python and torch targets, on graphs made by hand: what the source says, and what the module does."""

from __future__ import annotations

import ast
import copy
import inspect
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from archc.api import load_with
from archc.backends.python import to_python
from archc.diagnostics import Span
from archc.diagnostics.model import SourceFile
from archc.ir import Axis, Graph, Input, Node, Output, Scope, TensorType, ops
from archc.ir.names import MODULE_ATTRIBUTES
from archc.ir.verify import GraphError, verify

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

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
        y = b.conv("2nd", y, 8)
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
    x = b.op("normal", ops.Normalize((0.5,), (0.25, 0.5, 1.0, 2.0) * 2), x)
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


@pytest.fixture(params=GRAPHS, scope="module")
def graph(request: pytest.FixtureRequest) -> Graph:
    return GRAPHS[request.param]()


def example(graph: Graph, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, *graph.types[0].shape, generator=torch.Generator().manual_seed(0))


def values_of(result: object) -> list[torch.Tensor]:
    return list(result) if isinstance(result, tuple) else [result]  # type: ignore[list-item]


def test_state_dict_is_the_graphs_tensors(graph: Graph) -> None:
    expected = {key: (tensor.shape, tensor.dtype) for key, tensor, _ in graph.tensors()}
    found = to_torch(graph).state_dict()
    assert {key: (tuple(t.shape), str(t.dtype).removeprefix("torch.")) for key, t in found.items()} == expected


def test_every_module_gives_the_type_that_the_graph_records(graph: Graph) -> None:
    net = to_torch(graph).eval()
    expected = {node.path: graph.types[node.output].shape for node in graph.nodes if node.path in graph.inference_nodes}
    expected |= {scope.path: graph.types[scope.output].shape for scope in graph.scopes}
    seen: dict[str, tuple[int, ...]] = {}
    for path, module in net.named_modules():
        if path:
            module.register_forward_hook(lambda m, i, out, path=path: seen.__setitem__(path, tuple(out.shape[1:])))
    results = values_of(net(example(graph)))
    assert [tuple(r.shape[1:]) for r in results] == [graph.types[out.value].shape for out in graph.live_outputs]
    assert seen == {path: expected[path] for path in seen}
    silent = {path for path, _ in net.named_modules() if path in expected} - set(seen)
    assert silent <= {"aux1", "aux", "m"} | {path for path in silent if path.startswith("aux1.")}


def test_same_graph_same_bytes_and_the_same_class(graph: Graph) -> None:
    assert to_python(graph) == to_python(copy.deepcopy(graph))
    assert type(to_torch(graph)) is type(to_torch(graph))


def test_the_source_is_formatted_and_lint_free(graph: Graph) -> None:
    source = to_python(graph)
    for arguments in (["format", "--check"], ["check", "--select", "E,F,I", "--ignore", "E501"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--line-length", "120", "-"]
        done = subprocess.run(command, input=source, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr + source
    assert max(map(len, source.splitlines())) <= 120


def test_the_source_needs_torch_and_the_standard_library_alone(graph: Graph) -> None:
    tree = ast.parse(to_python(graph))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"torch", "torch.nn.functional", "typing", "collections"}


def test_a_copy_computes_the_same(graph: Graph) -> None:
    net, x = to_torch(graph).eval(), example(graph)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        for a, b in zip(values_of(net(x)), values_of(other(x)), strict=True):
            assert torch.equal(a, b)


def test_the_net_compiles_whole_and_exports(graph: Graph) -> None:
    net, x = to_torch(graph).eval(), example(graph)
    expected = values_of(net(x))
    with torch.no_grad():
        compiled = torch.compile(net, fullgraph=True, backend="eager")
        batch = torch.export.Dim("batch", min=1, max=64)
        exported = torch.export.export(net, (x,), dynamic_shapes=({0: batch},)).module()
        for run in (compiled, exported):
            for a, b in zip(expected, values_of(run(x)), strict=True):
                assert torch.allclose(a, b)
        assert values_of(exported(example(graph, 5)))[0].shape[0] == 5


def test_training_runs_backwards(graph: Graph) -> None:
    net = to_torch(graph).train()
    sum(result.float().sum() for result in values_of(net(example(graph, 4)))).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_state_is_taken_as_it_is(graph: Graph) -> None:
    rng = np.random.default_rng(0)
    state = {
        key: np.array(3) if tensor.dtype == "int64" else rng.random(tensor.shape, dtype=np.float32)
        for key, tensor, _ in graph.tensors()
    }
    net = to_torch(graph, state)
    assert all(np.array_equal(net.state_dict()[key].numpy(), value) for key, value in state.items())
    assert {key for key, _ in net.named_parameters()} == {key for key, t, _ in graph.tensors() if t.trainable}
    assert all(parameter.requires_grad for parameter in net.parameters())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert all(value.any() for key, value in state.items() if "running" not in key), "the arrays are copied"
    net(example(graph))


def test_wrong_states_are_refused() -> None:
    state = {key: value.numpy() for key, value in to_torch(features_only()).state_dict().items()}
    with pytest.raises(RuntimeError, match="Missing key"):
        to_torch(features_only(), {key: value for key, value in state.items() if key != "0.bias"})
    with pytest.raises(RuntimeError, match="Unexpected key"):
        to_torch(features_only(), state | {"3.bias": np.zeros(2)})
    with pytest.raises(RuntimeError, match="size mismatch"):
        to_torch(features_only(), state | {"0.bias": np.zeros(2)})


def classes(source: str) -> list[str]:
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def test_resnet_is_three_classes_with_the_parameters_that_a_person_would_choose() -> None:
    source = to_python(resnet())
    assert classes(source) == ["Residual", "ResidualDownsample", "Resnet18"]
    assert "def __init__(self, channels: int) -> None:" in source
    assert "def __init__(self, in_channels: int, out_channels: int) -> None:" in source
    assert "self.layer2 = nn.Sequential(ResidualDownsample(16, 32), Residual(32))" in source
    assert "return self.relu(out + self.downsample(x))" in source


def test_classes_are_shared_and_named_by_type() -> None:
    assert classes(to_python(inception())) == [
        "ConvNormAct",
        "Mixed",
        "AuxHead",
        "SmallInceptionOutputs",
        "SmallInception",
    ]
    assert classes(to_python(unet())) == ["ConvNormAct", "Up", "Unet"]
    assert classes(to_python(squeeze_excite())) == ["SqueezeExcite", "Se"]


def test_parts_are_reached_by_name_and_index() -> None:
    net = to_torch(resnet()).eval()
    assert isinstance(net.layer1[0].conv1, torch.nn.Conv2d)
    assert net.layer2[0].downsample[1].num_features == 32
    assert net.layer1(torch.randn(1, 16, 8, 8)).shape == (1, 16, 8, 8)
    group = to_torch(numbered())
    assert isinstance(group.dense[1], torch.nn.ReLU)
    assert isinstance(group.gap[3], torch.nn.ReLU)
    assert isinstance(group.get_submodule("mixed-names.2nd"), torch.nn.Conv2d)


def test_merges_compute_what_the_graph_says() -> None:
    net, x = to_torch(numbered()).eval(), torch.randn(1, 4, 8, 8)
    first = net.dense[0](x)
    dense = torch.cat([first, first.relu()], 1)
    gap = torch.relu((dense + net.gap[0](dense)) * 0.5)
    mixed = net.get_submodule("mixed-names")
    expected = mixed.get_submodule("2nd")(mixed.get_submodule("block1-0")(gap)) * gap
    assert torch.allclose(net(x), expected)
    unit = to_torch(shuffle()).eval().stage[0]
    left, right = torch.randn(1, 8, 4, 4).chunk(2, 1)
    joined = torch.cat([left, unit.branch2(right)], 1)
    assert torch.allclose(
        unit(torch.cat([left, right], 1)), joined.view(1, 2, 4, 4, 4).transpose(1, 2).reshape(1, 8, 4, 4)
    )


def test_training_only_outputs_exist_in_training_alone() -> None:
    net, x = to_torch(inception()), torch.randn(2, 3, 32, 32)
    result = net.train()(x)
    assert result._fields == ("logits", "aux1")
    assert pickle.loads(pickle.dumps(result))._fields == result._fields
    calls: list[int] = []
    net.aux1.register_forward_hook(lambda *_: calls.append(1))
    assert isinstance(net.eval()(x), torch.Tensor)
    assert not calls
    pyramid = to_torch(two_outputs())
    assert pyramid.train()(x)._fields == ("p1", "p2", "aux")
    assert pyramid.eval()(x)._fields == ("p1", "p2")


def test_normalisation_helpers_act_on_axis_one() -> None:
    x = torch.randn(2, 8, 4, 4)
    norm = to_torch(convnext()).features[0][1]
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-6).sqrt()
    assert torch.allclose(norm(x), expected, atol=1e-5)
    rms = to_torch(zoo_of_ops()).rms
    assert torch.allclose(rms(x), x / (x.square().mean(1, keepdim=True) + 1e-6).sqrt(), atol=1e-5)


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_stochastic_depth_keeps_the_mean(mode: str) -> None:
    b = Builder("net", 1)
    net = to_torch(b.graph(b.op("drop", ops.StochasticDepth(0.25, mode), 0)))  # type: ignore[arg-type]
    torch.manual_seed(0)
    rows = torch.cat([net(torch.ones(20, 1)) for _ in range(200)], 1)
    assert rows.unique().tolist() == pytest.approx([0, 4 / 3])
    assert abs(rows.mean().item() - 1) < 0.1
    assert (rows == rows[0]).all().item() == (mode == "batch")
    assert torch.equal(net.eval()(torch.ones(3, 1)), torch.ones(3, 1))


def test_distributions_are_set_by_class_or_by_path() -> None:
    fan_out = ops.Init("kaiming_normal", {"mode": "fan_out", "nonlinearity": "relu"})
    b = Builder("net", 3, 8, 8)
    x = b.conv("a", 0, 4, init=(("weight", fan_out),), bias=True)
    x = b.conv("b", x, 400, init=(("weight", fan_out),))
    x = b.op("scale", ops.Scale(400, 2), x, init=(("weight", ops.Init("constant", {"value": 0.5})),))
    x = b.op("flatten", ops.Flatten(), b.op("pool", ops.AdaptiveAvgPool((1, 1)), x))
    x = b.linear("c", x, 64, init=(("bias", ops.Init("zeros")), ("weight", ops.Init("uniform", {"bound": 0.125}))))
    x = b.linear("d", x, 16, init=(("weight", ops.Init("uniform", {"bound": 0.25})),))
    graph = b.graph(x)
    source, net = to_python(graph), to_torch(graph)
    check_source(source)
    assert 'nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")' in source
    assert "bound = module.out_features**-0.5\n                nn.init.uniform_(module.weight, -bound, bound)" in source
    assert 'nn.init.zeros_(self.get_submodule("c").bias)' in source
    assert net.b.weight.std().item() == pytest.approx((2 / (400 * 9)) ** 0.5, rel=0.1)
    assert net.scale.unique().tolist() == [0.5]
    assert not net.c.bias.any()
    assert net.d.bias.any()
    assert 0.1 < net.c.weight.abs().max() <= 0.125
    assert "reset_parameters" not in to_python(resnet())
    state, before = {key: value.numpy() for key, value in net.state_dict().items()}, torch.get_rng_state()
    again = to_torch(graph, state)
    assert torch.equal(torch.get_rng_state(), before), "a given state draws no random numbers"
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in again.state_dict().items())


def test_a_fresh_process_unpickles_net_and_part(tmp_path: Path) -> None:
    net = to_torch(resnet()).eval()
    x = torch.randn(1, 3, 64, 64)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps((net, net.layer2[0], x, net(x).detach())))
    script = (
        "import pickle, sys, inspect, torch\n"
        f"torch.set_num_threads({torch.get_num_threads()})\n"
        "net, part, x, y = pickle.load(open(sys.argv[1], 'rb'))\n"
        "assert torch.equal(net(x), y) and type(part) is type(net.layer2[0])\n"
        "assert 'def forward' in inspect.getsource(type(part))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "net.pkl")], check=True)


def test_tracebacks_and_inspect_show_the_source() -> None:
    net = to_torch(resnet())
    assert inspect.getsource(type(net)).startswith("class Resnet18(nn.Module):")
    with pytest.raises(RuntimeError) as caught:
        net(torch.randn(1, 4, 8, 8))
    assert "x = self.conv1(x)" in "".join(traceback.format_exception(caught.value))


def test_hostile_names_stay_names() -> None:
    b = Builder("import os; os.system('x')", 4, 8, 8)
    x = b.conv("torch", 0, 4)
    x = b.conv("nn", x, 4)
    y = b.conv("print", x, 4)
    z = b.conv("x", x, 4)
    x = b.op("F", ops.Concat(), b.conv("class", y, 4), z, y, x)
    source = to_python(b.graph(Output("count", x), Output("2-class", y), Output("__init__", z)))
    tree = check_source(source)
    assert classes(source)[-1] == "ImportOsOsSystemX"
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert stored.isdisjoint({"torch", "nn", "F", "print", "self", "class"})
    names = to_torch(b.graph(Output("count", x), Output("2-class", y), Output("__init__", z)))(torch.randn(1, 4, 8, 8))
    assert names._fields == ("count_", "output2_class", "init")


def test_a_variable_is_never_called_as_a_class() -> None:
    b = Builder("net", 4, 8, 8)
    x = conv_norm_act(b, "ConvNormAct", 0, 4, 3)
    y = b.conv("Net", x, 4)
    graph = b.graph(b.op("join", ops.Concat(), b.conv("z", y, 4), y, x))
    assert "ConvNormAct2 = self.ConvNormAct(x)" in to_python(graph)
    to_torch(graph)(torch.randn(1, 4, 8, 8))


def test_variants_of_a_block_are_named_by_what_they_hold() -> None:
    b = Builder("net", 4, 8, 8)
    x = conv_norm_act(b, "a", 0, 4, 3)
    with b.scope("b", x, kind="block", type="conv_norm_act") as leave:
        x = leave(b.relu("relu", b.conv("conv", x, 8)))
    for index, depth in enumerate((2, 3)):
        with b.scope(f"c{index}", x, kind="block", type="deep") as leave:
            with b.scope("body", x) as leave_body:
                y = x
                for number in range(depth):
                    y = b.conv(number, y, 8)
                leave_body(y)
            x = leave(b.op("add", ops.Add(), y, x))
    assert classes(to_python(b.graph(x))) == ["ConvNormActBn", "ConvNormAct", "Deep", "DeepLong", "Net"]


def test_a_scope_may_be_empty_or_leave_its_input_alone() -> None:
    b = Builder("net", 4, 8, 8)
    with b.scope("nothing", 0) as leave:
        leave(0)
    with b.scope("first", 0, 0, kind="block", type="pick", names=("x", "skip")) as leave:
        leave(0)
    net, x = to_torch(b.graph(b.conv("conv", 0, 4))), torch.randn(1, 4, 8, 8)
    assert torch.equal(net(x), net.conv(x))


def test_a_free_size_stands_by_its_name() -> None:
    b = Builder("net", 3, 8, 8)
    b.input = Input(3, (Axis("height", 8, free=True), Axis("width", 8)))
    source = to_python(b.graph(b.conv("conv", 0, 4)))
    assert source.startswith('"""Net: the network for inputs of shape (N, 3, height, 8)."""')


@pytest.mark.parametrize("name", ["forward", "training", "_modules", "__class__"])
def test_a_child_cannot_hide_what_a_module_needs(name: str) -> None:
    b = Builder("net", 4, 8, 8)
    with pytest.raises(GraphError, match="is an attribute of"):
        to_python(b.graph(b.conv(name, 0, 4)))


def test_the_list_of_module_attributes_is_pytorchs() -> None:
    assert {name for name in dir(torch.nn.Module()) if not name.startswith("__")} <= MODULE_ATTRIBUTES


BAD = [
    "import os",
    "from torch import hub, nn",
    "from archc import ir",
    "print(1)",
    "x = 1",
    "class A(nn.Module):\n    x = print(1)",
    "class A(object):\n    pass",
    "class A(nn.Module, metaclass=type):\n    'x'",
    "@print\nclass A(nn.Module):\n    'x'",
    "class A(nn.Module):\n    def forward(self, x=eval('1')):\n        return x",
    "class A(nn.Module):\n    def __reduce__(self):\n        return x",
    "class A(nn.Module):\n    def forward(self, x):\n        return eval('1')",
    "class A(nn.Module):\n    def forward(self, x):\n        return x.__class__",
    "class A(nn.Module):\n    def forward(self, x):\n        return torch.load('x')",
    "class A(nn.Module):\n    def forward(self, x):\n        return torch.hub.load('x')",
    "class A(nn.Module):\n    def forward(self, x):\n        return nn.modules.module.os.system('x')",
    "class A(nn.Module):\n    def forward(self, x):\n        return getattr(x, '__class__')",
    "class A(nn.Module):\n    def forward(self, x):\n        return getattr(self, '__class__')",
    "class A(nn.Module):\n    def forward(self, x):\n        return getattr(self, x)",
    "class A(nn.Module):\n    def forward(self, x):\n        return '{0.__class__}'.format(x)",
    "class A(nn.Module):\n    def forward(self, x):\n        return f'{x}'",
    "class A(nn.Module):\n    def forward(self, x):\n        return (lambda: x)()",
    "class A(nn.Module):\n    def forward(self, x):\n        return [print][0](x)",
    "class A(nn.Module):\n    def forward(self, x):\n        torch.cat = print\n        return x",
    "class A(nn.Module):\n    def forward(self, x):\n        getattr = print\n        return x",
    "class A(nn.Module):\n    def forward(self, x):\n        global y\n        return x",
    "class A(nn.Module):\n    def forward(self, x):\n        import os\n        return x",
    "class getattr(nn.Module):\n    'x'",
    "class A(",
    "\0",
]


@pytest.mark.parametrize("source", BAD)
def test_other_source_is_refused(source: str) -> None:
    with pytest.raises(SourceError):
        check_source(source)


def test_a_forged_pickle_runs_nothing() -> None:
    net = to_torch(features_only())
    data = pickle.dumps(net, protocol=0).replace(b"class Perceptron3", b"print(1)\\nclass Perceptron3")
    with pytest.raises(SourceError):
        pickle.loads(data)


PRINTED = {
    "{type: conv, out_channels: 4, kernel_size: [3, 1], padding: [1, 0], stride: [2, 1], groups: 2}": lambda: nn.Conv2d(4, 4, (3, 1), (2, 1), (1, 0), groups=2),
    "{type: batch_norm, momentum: 0.01}": lambda: nn.BatchNorm2d(4, momentum=0.01),
    "{type: batch_norm, affine: false}": lambda: nn.BatchNorm2d(4, affine=False),
    "{type: avg_pool, kernel_size: 3, stride: 2, padding: 1, count_include_pad: false}": lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "{type: pad, padding: [1, 0, 2, 0]}": lambda: nn.ZeroPad2d((1, 0, 2, 0)),
    "{type: upsample, scale_factor: 2, mode: linear}": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
}  # fmt: skip
"""Stages, and what a person would write for them in torch."""


@pytest.mark.parametrize("stage", list(PRINTED))
def test_a_stage_is_the_module_that_a_person_would_write(stage: str) -> None:
    head = "archc: 1\nname: net\ninput: {channels: 4, height: 7, width: 9}\n"
    spec = load_with("-", [], f"{head}stages: [{{name: op, stages: [{stage}]}}]\n".encode())
    ours, theirs = spec.to_torch().get_submodule("op.0"), PRINTED[stage]()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 7, 9)
    assert torch.equal(ours.train()(x), theirs.train()(x))
    attributes = [name for name in ("momentum", "eps", "affine", "count_include_pad") if hasattr(theirs, name)]
    assert [getattr(ours, name) for name in attributes] == [getattr(theirs, name) for name in attributes]
