"""The ONNX target, op by op, against functions of torch that are written out here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest

from archc.api import load_with
from archc.backends.onnx import (
    DEFAULT_OPSET,
    SUPPORTED_OPSETS,
    Form,
    Inexpressible,
    build,
    serialise,
    tensor_names,
    to_onnx,
    write_onnx,
)
from archc.diagnostics import SourceFile, Span
from archc.ir import Axis, Graph, Input, Node, Output
from archc.ir import ops as all_ops
from archc.ir.ops import (
    Activation,
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Add,
    AvgPool,
    BatchNorm,
    ChannelShuffle,
    Chunk,
    Concat,
    Conv,
    ConvTranspose,
    Dropout,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MaxPool,
    Multiply,
    Normalize,
    Op,
    Pad,
    Permute,
    PixelShuffle,
    PReLU,
    RMSNorm,
    Scale,
    Softmax,
    StochasticDepth,
    Upsample,
)

torch = pytest.importorskip("torch", reason="the reference is torch")
ort = pytest.importorskip("onnxruntime", reason="runs the models")
F = torch.nn.functional

SPAN = Span(SourceFile("test.yaml", ""), 1, 1, 1, 1)
AXIS_NAMES = {0: (), 1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
Reference = Callable[[Any, Mapping[str, Any]], Any]
Step = tuple[Op, tuple[int, ...]]


def graph_of(shape: Sequence[int], *steps: Op | Step, free: bool = False, outputs: Sequence[Output] = ()) -> Graph:
    """A graph of `steps`, at paths s1, s2, ..., each giving the value of its number; a bare op takes the last value."""
    axes = tuple(Axis(name, d, free) for name, d in zip(AXIS_NAMES[len(shape) - 1], shape[1:], strict=True))
    entry = Input(shape[0], axes)
    types, nodes = [entry.type], []
    for number, step in enumerate(steps, start=1):
        op, inputs = step if isinstance(step, tuple) else (step, (number - 1,))
        nodes.append(Node(f"s{number}", op, inputs, number, SPAN, type(op).__name__))
        types.append(op.infer(*(types[value] for value in inputs)))
    ends = tuple(outputs) or (Output("y", len(steps)),)
    return Graph("test", entry, tuple(nodes), (), ends, tuple(types), tuple(node.path for node in nodes))


def state_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tensors, positive where they stand for a variance."""
    rng = np.random.default_rng(seed)
    state = {}
    for key, tensor, _ in graph.tensors():
        values = rng.standard_normal(tensor.shape)
        values = np.abs(values) + 0.1 if key.endswith("running_var") else values
        state[key] = np.asarray(values, tensor.dtype)
    return state


def session(model: onnx.ModelProto | str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, str) else serialise(model)
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def draw(graph: Graph, batch: int, sizes: Sequence[int] | None = None, seed: int = 1) -> np.ndarray:
    spatial = tuple(sizes) if sizes is not None else graph.types[0].shape[1:]
    values = np.random.default_rng(seed).standard_normal((batch, graph.input.channels, *spatial)) * 2
    return values.astype(np.float32)


def assert_close(a: np.ndarray, b: np.ndarray) -> None:
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    bound = 1e-5 + 1e-4 * float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    differs = a != b  # a window that holds nothing but padding has the maximum -inf
    assert float(np.abs(a[differs] - b[differs]).max(initial=0.0)) <= bound


def assert_sound(model: onnx.ModelProto) -> None:
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


def assert_same(
    graph: Graph, reference: Reference, opset: int = DEFAULT_OPSET, sizes: Sequence[int] | None = None
) -> None:
    """The model is sound and gives, for two batch sizes, what the reference gives."""
    state = state_of(graph)
    model = to_onnx(graph, state, opset=opset)
    assert_sound(model)
    run = session(model)
    weights = {key: torch.from_numpy(value) for key, value in state.items()}
    for batch in (1, 3):
        x = draw(graph, batch, sizes)
        (found,) = run.run(None, {"input": x})
        expected = reference(torch.from_numpy(x), weights).numpy()
        if sizes is None:
            assert found.shape == (batch, *graph.types[graph.outputs[0].value].shape)
        assert_close(found, expected)
        declared = [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim]
        assert all(d in (0, size) for d, size in zip(declared, found.shape, strict=True))  # 0: left unsaid


@dataclass(frozen=True)
class Row:
    """One op (the last step) on one input, and what torch gives."""

    name: str
    shape: tuple[int, ...]
    steps: tuple[Op | Step, ...]
    reference: Reference

    @property
    def op(self) -> Op:
        step = self.steps[-1]
        return step[0] if isinstance(step, tuple) else step


def one(name: str, shape: tuple[int, ...], op: Op, reference: Reference) -> Row:
    return Row(name, shape, (op,), reference)


def function(name: str, reference: Callable[[Any], Any], **constants: float | str) -> Row:
    """An activation on a picture."""
    suffix = "-".join(str(value) for value in constants.values())
    return one(f"{name}-{suffix}", (3, 4, 5), Activation(name, constants), lambda x, t: reference(x))


def last(x: Any) -> Any:
    return x.movedim(1, -1)


def first(x: Any) -> Any:
    return x.movedim(-1, 1)


def conv_rows() -> list[Row]:
    f = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
    g = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
    rows = []
    for rank, shape in ((1, (4, 11)), (2, (4, 9, 11)), (3, (4, 7, 8, 9))):
        k, s, p, d = (3, 2, 3)[:rank], (2, 1, 2)[:rank], (1, 2, 0)[:rank], (2, 1, 1)[:rank]
        rows.append(
            one(
                f"conv{rank}d",
                shape,
                Conv(4, 6, k, s, p, d, groups=2),
                lambda x, t, rank=rank, s=s, p=p, d=d: f[rank](x, t["s1.weight"], t["s1.bias"], s, p, d, 2),
            )
        )
        rows.append(
            one(
                f"conv{rank}d-no-bias",
                shape,
                Conv(4, 5, k, s, p, d, bias=False),
                lambda x, t, rank=rank, s=s, p=p, d=d: f[rank](x, t["s1.weight"], None, s, p, d),
            )
        )
        o = (1, 0, 1)[:rank]
        rows.append(
            one(
                f"conv_transpose{rank}d",
                shape,
                ConvTranspose(4, 6, k, s, p, o, d, groups=2),
                lambda x, t, rank=rank, s=s, p=p, o=o, d=d: g[rank](x, t["s1.weight"], t["s1.bias"], s, p, o, 2, d),
            )
        )
        rows.append(
            one(
                f"conv_transpose{rank}d-no-bias",
                shape,
                ConvTranspose(4, 3, k, s, p, (0,) * rank, d, bias=False),
                lambda x, t, rank=rank, s=s, p=p, d=d: g[rank](x, t["s1.weight"], None, s, p, 0, 1, d),
            )
        )
    return rows


def linear_rows() -> list[Row]:
    return [
        one("linear", (5,), Linear(5, 7), lambda x, t: F.linear(x, t["s1.weight"], t["s1.bias"])),
        one("linear-no-bias", (5,), Linear(5, 7, bias=False), lambda x, t: F.linear(x, t["s1.weight"])),
        Row(
            "linear-channels-last",
            (5, 4, 3),
            (Permute("channels_last"), Linear(5, 7)),
            lambda x, t: F.linear(last(x), t["s2.weight"], t["s2.bias"]),
        ),
        Row(
            "linear-channels-last-no-bias",
            (5, 4),
            (Permute("channels_last"), Linear(5, 7, bias=False)),
            lambda x, t: F.linear(last(x), t["s2.weight"]),
        ),
    ]


SHAPES = {0: (6,), 1: (6, 5), 2: (6, 5, 4), 3: (6, 3, 4, 2)}


def norm_rows() -> list[Row]:
    rows = []
    for rank, shape in SHAPES.items():
        for eps in (1e-1, 1e-3):
            rows += channel_norm_rows(f"{rank}d-{eps}", shape, eps)
        rows += [
            one(
                f"batch_norm{rank}d-plain",
                shape,
                BatchNorm(6, affine=False),
                lambda x, t: F.batch_norm(x, t["s1.running_mean"], t["s1.running_var"]),
            ),
            one(f"group_norm{rank}d-plain", shape, GroupNorm(2, 6, affine=False), lambda x, t: F.group_norm(x, 2)),
            one(
                f"layer_norm{rank}d-plain",
                shape,
                LayerNorm(6, elementwise_affine=False),
                lambda x, t: first(F.layer_norm(last(x), (6,))),
            ),
            one(
                f"layer_norm{rank}d-no-bias",
                shape,
                LayerNorm(6, bias=False),
                lambda x, t: first(F.layer_norm(last(x), (6,), t["s1.weight"])),
            ),
            one(
                f"rms_norm{rank}d-plain",
                shape,
                RMSNorm(6, elementwise_affine=False),
                lambda x, t: first(F.rms_norm(last(x), (6,), eps=1e-6)),
            ),
        ]
    for op, reference in (
        (LayerNorm(6, 1e-2), lambda x, t: F.layer_norm(last(x), (6,), t["s2.weight"], t["s2.bias"], 1e-2)),
        (RMSNorm(6, 1e-2), lambda x, t: F.rms_norm(last(x), (6,), t["s2.weight"], 1e-2)),
    ):
        rows.append(Row(f"{type(op).__name__}-channels-last", (6, 5, 4), (Permute("channels_last"), op), reference))
    return rows + lrn_rows()


def channel_norm_rows(name: str, shape: tuple[int, ...], eps: float) -> list[Row]:
    return [
        one(
            f"batch_norm{name}",
            shape,
            BatchNorm(6, eps),
            lambda x, t: F.batch_norm(
                x, t["s1.running_mean"], t["s1.running_var"], t["s1.weight"], t["s1.bias"], eps=eps
            ),
        ),
        one(
            f"group_norm{name}",
            shape,
            GroupNorm(3, 6, eps),
            lambda x, t: F.group_norm(x, 3, t["s1.weight"], t["s1.bias"], eps),
        ),
        one(
            f"layer_norm{name}",
            shape,
            LayerNorm(6, eps),
            lambda x, t: first(F.layer_norm(last(x), (6,), t["s1.weight"], t["s1.bias"], eps)),
        ),
        one(
            f"rms_norm{name}",
            shape,
            RMSNorm(6, eps),
            lambda x, t: first(F.rms_norm(last(x), (6,), t["s1.weight"], eps)),
        ),
    ]


def normalize_rows() -> list[Row]:
    mean, std = (0.5, -0.25, 2.0), (0.25, 0.5, 3.0)
    return [
        one(
            f"normalize-{len(shape) - 1}d",
            shape,
            Normalize(mean, std),
            lambda x, t: (x - shaped(mean, x)) / shaped(std, x),
        )
        for shape in ((3,), (3, 5), (3, 5, 4), (3, 2, 3, 4))
    ] + [one("normalize-one", (3, 5), Normalize((0.5,), (0.25,)), lambda x, t: (x - 0.5) / 0.25)]


def shaped(values: tuple[float, ...], x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, *(1,) * (x.dim() - 2))


def lrn_rows() -> list[Row]:
    return [
        one(
            f"local_response_norm{rank}d-{size}",
            SHAPES[rank],
            LocalResponseNorm(size, alpha=0.5, beta=0.6, k=1.5),
            lambda x, t, size=size: F.local_response_norm(x, size, 0.5, 0.6, 1.5),
        )
        for rank in (1, 2, 3)
        for size in (1, 2, 3, 4, 5, 9)
    ]


def pool_rows() -> list[Row]:
    rows = []
    most = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
    mean = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
    for rank in (1, 2, 3):
        shape, k, s, p, d = (
            (2, *(9, 8, 7)[:rank]),
            (3, 2, 3)[:rank],
            (2, 2, 1)[:rank],
            (1, 0, 1)[:rank],
            (2, 1, 1)[:rank],
        )
        for ceil in (False, True):
            rows.append(
                one(
                    f"max_pool{rank}d-{ceil}",
                    shape,
                    MaxPool(k, s, p, d, ceil),
                    lambda x, t, a=(k, s, p, d, ceil), rank=rank: most[rank](x, *a),
                )
            )
            for count in (False, True):
                rows.append(
                    one(
                        f"avg_pool{rank}d-{ceil}-{count}",
                        shape,
                        AvgPool(k, s, p, ceil, count),
                        lambda x, t, a=(k, s, p, ceil, count), rank=rank: mean[rank](x, *a),
                    )
                )
    return rows + adaptive_rows()


def adaptive_rows() -> list[Row]:
    cases = {
        1: [((12,), (1,)), ((12,), (12,)), ((12,), (4,)), ((12,), (5,)), ((3,), (7,))],
        2: [
            ((6, 8), (1, 1)),
            ((6, 8), (6, 8)),
            ((6, 8), (3, 4)),
            ((6, 8), (1, 4)),
            ((6, 8), (6, 3)),
            ((13, 7), (6, 5)),
        ],
        3: [((6, 4, 9), (1, 1, 1)), ((6, 4, 9), (3, 2, 9)), ((7, 4, 9), (3, 1, 4)), ((2, 3, 4), (5, 5, 3))],
    }
    mean = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
    most = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
    rows = []
    for rank, pairs in cases.items():
        for size, out in pairs:
            name = f"{rank}d-{size}-{out}".replace(" ", "")
            shape = (3, *size)
            f, g = mean[rank], most[rank]
            rows.append(one(f"avg{name}", shape, AdaptiveAvgPool(out), lambda x, t, f=f, out=out: f(x, out)))
            rows.append(one(f"max{name}", shape, AdaptiveMaxPool(out), lambda x, t, g=g, out=out: g(x, out)))
    return rows


def activation_rows() -> list[Row]:
    rows = [
        function("celu", lambda x: F.celu(x, 0.7), alpha=0.7),
        function("elu", lambda x: F.elu(x, 0.7), alpha=0.7),
        function("gelu", F.gelu),
        function("gelu", lambda x: F.gelu(x, approximate="none"), approximate="none"),
        function("gelu", lambda x: F.gelu(x, approximate="tanh"), approximate="tanh"),
        function("hardsigmoid", F.hardsigmoid),
        function("hardswish", F.hardswish),
        function("hardtanh", F.hardtanh),
        function("hardtanh", lambda x: F.hardtanh(x, -0.3, 0.8), min_val=-0.3, max_val=0.8),
        function("leaky_relu", F.leaky_relu),
        function("leaky_relu", lambda x: F.leaky_relu(x, 0.3), negative_slope=0.3),
        function("mish", F.mish),
        function("relu", F.relu),
        function("relu6", F.relu6),
        function("selu", F.selu),
        function("sigmoid", torch.sigmoid),
        function("silu", F.silu),
        function("softplus", F.softplus),
        function("softplus", lambda x: F.softplus(x, 12.0), beta=12.0),
        function("softsign", F.softsign),
        function("tanh", torch.tanh),
    ]
    for rank, shape in SHAPES.items():
        for n in (1, 6):
            rows.append(one(f"prelu{rank}d-{n}", shape, PReLU(n), lambda x, t: F.prelu(x, t["s1.weight"])))
        rows.append(one(f"softmax{rank}d", shape, Softmax(), lambda x, t: torch.softmax(x, 1)))
        rows.append(one(f"log_softmax{rank}d", shape, Softmax(log=True), lambda x, t: torch.log_softmax(x, 1)))
    late = Permute("channels_last")
    rows.append(Row("softmax-last", (6, 5, 4), (late, Softmax()), lambda x, t: torch.softmax(last(x), -1)))
    rows.append(Row("prelu-last", (6, 5), (late, PReLU(1)), lambda x, t: F.prelu(last(x), t["s2.weight"])))
    return rows


def merge_rows() -> list[Row]:
    thirds = ((Chunk(3, 0), (0,)), (Chunk(3, 1), (0,)), (Chunk(3, 2), (0,)))
    gate = (AdaptiveAvgPool((1, 1)), (1,))

    def parts(x: Any) -> Any:
        return x.chunk(3, 1)

    def gated(x: Any, t: Any) -> Any:
        a, b, c = parts(x)
        return a.mean((2, 3), keepdim=True) * b * c

    late = ((Permute("channels_last"), (0,)), (Chunk(2, 0), (1,)), (Chunk(2, 1), (1,)))
    return [
        Row("add2", (6, 4, 5), (*thirds, (Add(), (1, 2))), lambda x, t: parts(x)[0] + parts(x)[1]),
        Row("add3", (6, 4), (*thirds, (Add(), (3, 2, 1))), lambda x, t: sum(parts(x))),
        Row("add-same", (6,), ((Add(), (0, 0)),), lambda x, t: x + x),
        Row("multiply2", (6, 4, 5), (*thirds, (Multiply(), (1, 2))), lambda x, t: parts(x)[0] * parts(x)[1]),
        Row("multiply-gate", (6, 4, 5), (*thirds, gate, (Multiply(), (4, 2, 3))), gated),
        Row(
            "concat",
            (6, 4),
            (*thirds, (Concat(), (3, 1, 1))),
            lambda x, t: torch.cat([parts(x)[i] for i in (2, 0, 0)], 1),
        ),
        Row("concat-last", (6, 4, 5), (*late, (Concat(), (3, 2))), lambda x, t: last(x.roll(3, 1))),
        Row("chunk", (6, 4), (Chunk(3, 2),), lambda x, t: parts(x)[2]),
        Row("chunk-last", (6, 4), (Permute("channels_last"), Chunk(2, 1)), lambda x, t: last(x)[..., 3:]),
    ]


def layout_rows() -> list[Row]:
    rows = [
        one("pad1d", (3, 5), Pad((1,), (2,), value=0.5), lambda x, t: F.pad(x, (1, 2), value=0.5)),
        one("pad2d", (3, 5, 6), Pad((1, 0), (2, 4)), lambda x, t: F.pad(x, (0, 4, 1, 2))),
        one("pad3d", (3, 4, 5, 6), Pad((1, 0, 2), (3, 2, 0)), lambda x, t: F.pad(x, (2, 0, 0, 2, 1, 3))),
        *(
            one(
                f"pad-{mode}-{rank}d",
                SHAPES[rank],
                Pad((2, 1, 0)[:rank], (1, 2, 1)[:rank], mode),
                lambda x, t, mode=mode, rank=rank: F.pad(x, (0, 1, 1, 2, 2, 1)[6 - 2 * rank :], mode),
            )
            for mode in ("reflect", "replicate")
            for rank in (1, 2, 3)
        ),
        one("flatten", (3, 4, 5), Flatten(), lambda x, t: x.flatten(1)),
        one("flatten0d", (3,), Flatten(), lambda x, t: x),
        Row("flatten-last", (3, 4, 5), (Permute("channels_last"), Flatten()), lambda x, t: last(x).flatten(1)),
        *(
            one(f"channels_last{rank}d", SHAPES[rank], Permute("channels_last"), lambda x, t: last(x))
            for rank in (1, 2, 3)
        ),
        *(
            Row(
                f"channels_first{rank}d",
                SHAPES[rank],
                (Permute("channels_last"), Permute("channels_first")),
                lambda x, t: x,
            )
            for rank in (1, 2, 3)
        ),
        one("channel_shuffle", (12, 4, 5), ChannelShuffle(3), lambda x, t: F.channel_shuffle(x, 3)),
        one("channel_shuffle1d", (12, 4), ChannelShuffle(4), lambda x, t: F.channel_shuffle(x, 4)),
        one("pixel_shuffle", (18, 4, 5), PixelShuffle(3), lambda x, t: F.pixel_shuffle(x, 3)),
        one("scale2d", (6, 4, 5), Scale(6, 2), lambda x, t: x * t["s1"]),
        one("scale0d", (6,), Scale(6, 0), lambda x, t: x * t["s1"]),
        Row("scale-last", (6, 4, 5), (Permute("channels_last"), Scale(6, 0)), lambda x, t: last(x) * t["s2"]),
        one("dropout", (6, 4), Dropout(0.4), lambda x, t: x),
        one("stochastic_depth", (6, 4), StochasticDepth(0.4), lambda x, t: x),
    ]
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}
    for rank in (1, 2, 3):
        for factors in ((2, 2, 2), (3, 1, 2), (4, 5, 3), (7, 6, 1)):
            scale = factors[:rank]
            name = "x".join(str(factor) for factor in scale)
            sizes = tuple(float(factor) for factor in scale)
            rows.append(
                one(
                    f"nearest-{name}",
                    SHAPES[rank],
                    Upsample(scale),
                    lambda x, t, sizes=sizes: F.interpolate(x, scale_factor=sizes),
                )
            )
            rows.append(
                one(
                    f"linear-{name}",
                    SHAPES[rank],
                    Upsample(scale, "linear"),
                    lambda x, t, sizes=sizes, mode=linear[rank]: F.interpolate(x, scale_factor=sizes, mode=mode),
                )
            )
    return rows


ROWS = [
    *conv_rows(),
    *linear_rows(),
    *norm_rows(),
    *normalize_rows(),
    *pool_rows(),
    *activation_rows(),
    *merge_rows(),
    *layout_rows(),
]


def test_every_op_has_a_row() -> None:
    ops = {kind for kind in vars(all_ops).values() if isinstance(kind, type) and issubclass(kind, Op)} - {Op}
    assert {type(row.op) for row in ROWS} == ops
    functions = {row.op.function for row in ROWS if isinstance(row.op, Activation)}
    assert functions == set(all_ops.FUNCTIONS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_op_equals_torch(row: Row) -> None:
    assert_same(graph_of(row.shape, *row.steps), row.reference)


@pytest.mark.parametrize("opset", SUPPORTED_OPSETS)
def test_every_opset(opset: int) -> None:
    seen = set()
    for row in ROWS:
        kind = row.op.function if isinstance(row.op, Activation) else type(row.op)
        if kind not in seen or isinstance(row.op, AdaptiveAvgPool | AdaptiveMaxPool):
            seen.add(kind)
            assert_same(graph_of(row.shape, *row.steps), row.reference, opset)


def test_other_opsets_are_refused() -> None:
    for opset in (12, SUPPORTED_OPSETS[-1] + 1):
        with pytest.raises(ValueError, match=f"opset {opset} is not one of 13 to"):
            to_onnx(graph_of((3,), Activation("relu")), {}, opset=opset)


def pool_cases(dilated: bool) -> list[tuple[int, ...]]:
    """(size, kernel, stride, padding, dilation) along one axis, all that PyTorch takes in ceil mode."""
    return [
        (size, k, s, p, d)
        for size in range(1, 12)
        for k in (1, 2, 3, 5)
        for s in (1, 2, 3, 4)
        for p in range(k // 2 + 1)
        for d in ((1, 2, 3) if dilated else (1,))
        if size + 2 * p >= d * (k - 1) + 1
    ]


@pytest.mark.parametrize("part", range(4))
def test_max_pools_in_ceil_mode(part: int) -> None:
    for size, k, s, p, d in pool_cases(dilated=True)[part::4]:
        op = MaxPool((k,), (s,), (p,), (d,), ceil_mode=True)
        check_pool(op, (size,), lambda x, a=(k, s, p, d, True): F.max_pool1d(x, *a))


@pytest.mark.parametrize("count", [False, True])
def test_avg_pools_in_ceil_mode(count: bool) -> None:
    for size, k, s, p, _ in pool_cases(dilated=False):
        op = AvgPool((k,), (s,), (p,), ceil_mode=True, count_include_pad=count)
        check_pool(op, (size,), lambda x, a=(k, s, p, True, count): F.avg_pool1d(x, *a))


def test_pools_of_pictures_in_ceil_mode() -> None:
    cases = pool_cases(dilated=False)
    picks = np.random.default_rng(0).integers(len(cases), size=(150, 2))
    for rows, columns in picks:
        sizes, k, s, p, _ = zip(cases[rows], cases[columns], strict=True)
        check_pool(MaxPool(k, s, p, (1, 1), True), sizes, lambda x, a=(k, s, p, 1, True): F.max_pool2d(x, *a))
        check_pool(AvgPool(k, s, p, True, True), sizes, lambda x, a=(k, s, p, True, True): F.avg_pool2d(x, *a))


def check_pool(op: Op, sizes: tuple[int, ...], reference: Callable[[Any], Any]) -> None:
    graph = graph_of((2, *sizes), op)
    x = draw(graph, 2)
    (found,) = session(to_onnx(graph, {})).run(None, {"input": x})
    assert found.shape[1:] == graph.types[1].shape
    assert_close(found, reference(torch.from_numpy(x)).numpy())


def test_max_pool_sees_no_padding_below_every_number() -> None:
    graph = graph_of((1, 5), MaxPool((2,), (3,), (1,), (3,), ceil_mode=True))
    x = np.full((1, 1, 5), -3e38, np.float32)
    (found,) = session(to_onnx(graph, {})).run(None, {"input": x})
    assert_close(found, F.max_pool1d(torch.from_numpy(x), 2, 3, 1, 3, True).numpy())


FREE_ROWS = [row for row in ROWS if len(row.shape) > 1]


@pytest.mark.parametrize("row", FREE_ROWS, ids=lambda row: row.name)
def test_free_sizes(row: Row) -> None:
    graph = graph_of(row.shape, *row.steps, free=True)
    for step in (7, 12):
        assert_same(graph, row.reference, sizes=[size + step + axis for axis, size in enumerate(row.shape[1:])])


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("index", range(3))
def test_a_part_of_features_of_a_free_size_grows_with_them(index: int, opset: int) -> None:
    graph = graph_of((3, 5, 4), Flatten(), Chunk(3, index), free=True)
    model = to_onnx(graph, {}, opset=opset)
    onnx.checker.check_model(model, full_check=True)
    for sizes in ((5, 4), (7, 4), (2, 9)):
        x = np.random.default_rng(0).standard_normal((2, 3, *sizes)).astype(np.float32)
        (found,) = session(model).run(None, {"input": x})
        assert np.array_equal(found, x.reshape(2, 3, -1)[:, index])


def test_free_sizes_have_names() -> None:
    graph = graph_of(
        (3, 8, 9), Conv(3, 4, (3, 3), (1, 1), (1, 1), (1, 1)), AdaptiveAvgPool((1, 1)), Flatten(), free=True
    )
    model = to_onnx(graph, state_of(graph))
    (entry,) = model.graph.input
    assert [d.dim_param or d.dim_value for d in entry.type.tensor_type.shape.dim] == ["N", 3, "height", "width"]
    (result,) = model.graph.output
    assert [d.dim_param or d.dim_value for d in result.type.tensor_type.shape.dim] == ["N", 4]
    fixed = to_onnx(graph_of((3, 8, 9), Activation("relu")), {})
    shape = fixed.graph.input[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["N", 3, 8, 9]


def small() -> Graph:
    """conv, batch norm, a dropout, relu, a scale, with two outputs and one in training only."""
    return graph_of(
        (3, 6, 6),
        Conv(3, 4, (3, 3), (1, 1), (1, 1), (1, 1)),
        BatchNorm(4),
        Dropout(),
        Activation("relu"),
        Scale(4, 2),
        (Softmax(), (4,)),
        (Activation("tanh"), (2,)),
        outputs=(Output("scaled", 5), Output("soft", 6), Output("aux", 7, training_only=True)),
    )


def test_names_are_paths() -> None:
    graph = small()
    model = to_onnx(graph, state_of(graph))
    assert [node.name for node in model.graph.node] == ["s1", "s2", "s4", "s5", "s6"]
    assert [node.output[0] for node in model.graph.node] == ["s1", "s2", "s4", "scaled", "soft"]
    assert [tensor.name for tensor in model.graph.initializer] == [
        *("s1.weight", "s1.bias", "s2.weight", "s2.bias", "s2.running_mean", "s2.running_var", "s5"),
    ]
    assert [value.name for value in model.graph.output] == ["scaled", "soft"]
    assert tensor_names(graph) == {0: "input", 1: "s1", 2: "s2", 3: "s2", 4: "s4", 5: "scaled", 6: "soft"}


def test_every_stage_can_be_an_output() -> None:
    graph = small()
    model = to_onnx(graph, state_of(graph), stage_outputs=True)
    assert_sound(model)
    assert [value.name for value in model.graph.output] == ["scaled", "soft", "s1", "s2", "s4"]
    run, x = session(model), draw(graph, 2)
    found = dict(zip((value.name for value in model.graph.output), run.run(None, {"input": x}), strict=True))
    for value, name in tensor_names(graph).items():
        if value:
            assert found[name].shape[1:] == graph.types[value].shape
    plain = session(to_onnx(graph, state_of(graph))).run(["scaled"], {"input": x})
    assert_close(found["scaled"], plain[0])  # the runtime folds the batch norm in one of them only


@pytest.mark.parametrize(
    ("steps", "outputs", "names"),
    [
        ((Dropout(),), (Output("y", 1),), ["y"]),
        ((Activation("relu"),), (Output("a", 1), Output("b", 1), Output("c", 0)), ["a", "b", "c"]),
        ((Activation("relu"), Scale(3, 0)), (Output("s2", 2), Output("s1", 2)), ["s2/output", "s1"]),
        ((Activation("relu"), Activation("tanh")), (Output("s1", 2), Output("input", 1)), ["s1", "input/output"]),
    ],
)
def test_odd_outputs(steps: tuple[Op, ...], outputs: tuple[Output, ...], names: list[str]) -> None:
    graph = graph_of((3,), *steps, outputs=outputs)
    for stages in (False, True):
        model = to_onnx(graph, state_of(graph), stage_outputs=stages)
        assert_sound(model)
        assert [value.name for value in model.graph.output][: len(names)] == names
        session(model).run(None, {"input": draw(graph, 2)})


def test_bytes_are_the_same_every_time() -> None:
    metadata = {"archc.spec": "name: x\n", "a": "1"}
    for row in ROWS[:40]:
        graph = graph_of(row.shape, *row.steps)
        first_time = serialise(to_onnx(graph, state_of(graph), metadata=metadata))
        turned = dict(reversed(metadata.items()))
        assert first_time == serialise(to_onnx(graph, state_of(graph), metadata=turned))


def test_metadata_and_versions() -> None:
    graph = small()
    for opset, version in ((13, 7), (17, 8), (18, 8), (20, 9), (21, 10), (26, 13)):
        model = to_onnx(graph, state_of(graph), opset=opset, metadata={"archc.spec": "name: x\n"})
        assert model.ir_version == version
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    assert {entry.key: entry.value for entry in model.metadata_props} == {"archc.spec": "name: x\n"}
    assert model.producer_name == "archc"


def test_a_state_that_does_not_fit_is_refused() -> None:
    graph = graph_of((3,), Linear(3, 2))
    for state in (
        {},
        {**state_of(graph), "s1.bias": np.zeros(3, np.float32)},
        {**state_of(graph), "s1.bias": np.zeros(2)},
    ):
        with pytest.raises(ValueError, match=r"s1\.(weight|bias) should be float32"):
            to_onnx(graph, state)


def test_an_unknown_op_is_inexpressible() -> None:
    class Strange(Op):
        __slots__ = ()

    with pytest.raises(Inexpressible, match="s1: ONNX has no Strange") as caught:
        to_onnx(graph_of((3,), Strange()), {})
    assert caught.value.path == "s1"


def test_large_models_have_a_second_file(tmp_path: Any) -> None:
    graph = graph_of((3, 6, 6), Conv(3, 40, (5, 5), (1, 1), (2, 2), (1, 1)), GroupNorm(4, 40))
    model, x = build(graph, state_of(graph)), draw(graph, 2)
    (expected,) = session(model.whole()).run(None, {"input": x})
    write_onnx(model, tmp_path / "one.onnx")
    write_onnx(model, tmp_path / "two.onnx", limit=1000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.onnx", "two.onnx", "two.onnx.data"]
    assert (tmp_path / "one.onnx").read_bytes() == serialise(model.whole())
    for name in ("one.onnx", "two.onnx"):
        onnx.checker.check_model(str(tmp_path / name), full_check=True)
        (found,) = session(str(tmp_path / name)).run(None, {"input": x})
        assert np.array_equal(found, expected)
    again = tmp_path / "again"
    again.mkdir()
    write_onnx(model, again / "two.onnx", limit=1000)
    for name in ("two.onnx", "two.onnx.data"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()


def test_a_model_that_cannot_be_written_leaves_nothing(tmp_path: Any) -> None:
    graph = graph_of((3,), Linear(3, 200))
    model = build(graph, state_of(graph))
    (tmp_path / "m.onnx.data").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_onnx(model, tmp_path / "m.onnx", limit=100)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx.data"]


def test_no_torch_is_imported() -> None:
    modules = "archc.backends.onnx, archc.backends.weights, archc.backends.initialise"
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    assert subprocess.run([sys.executable, "-c", f"import torch; {script}"], check=False).returncode == 1


@pytest.mark.parametrize("norm", ["", "{type: batch_norm}, "])
@pytest.mark.parametrize("flags", [{}, {"fold": True}])
def test_a_convolution_that_is_added_can_be_an_output(norm: str, flags: dict[str, bool]) -> None:
    """As in a pyramid of features: onnxruntime would refuse the file if the sum's first part had one name only."""
    text = f"""\
archc: 1
name: net
input: {{channels: 21, height: 10, width: 9}}
stages:
  - name: low
    stages: [{{type: conv, out_channels: 6, kernel_size: 3, padding: 1}}, {norm}{{type: dropout}}]
  - {{name: side, type: conv, out_channels: 6, kernel_size: 1, from: input}}
  - {{type: add, from: [low, side]}}
  - {{name: last, type: conv, out_channels: 3, kernel_size: 1}}
outputs: [low, last]
"""
    graph = load_with("-", [], text.encode()).graph
    state = state_of(graph)
    model = build(graph, state, Form(DEFAULT_OPSET, **flags)).whole()
    assert [value.name for value in model.graph.output] == ["low", "last"]
    x = draw(graph, 2)
    plain = run_as_written(model, x)
    for got, want in zip(session(model).run(None, {"input": x}), plain, strict=True):
        assert_close(got, want)


def run_as_written(model: onnx.ModelProto, x: np.ndarray) -> list[np.ndarray]:
    """The outputs without the runtime's own changes."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    run = ort.InferenceSession(serialise(model), options, providers=["CPUExecutionProvider"])
    return run.run(None, {"input": x})  # type: ignore[no-any-return]
