"""ONNX files for where they are to run: every opset, folding, float16, int8, fixed batches and sizes, large files."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from test_backend_onnx import ROWS, Row, assert_close, assert_same, assert_sound, draw, graph_of, session, state_of

import archc
from archc.backends.calibration import MOST_EXAMPLES, Unusable, random_examples, read_examples
from archc.backends.initialise import Drawn, initialise
from archc.backends.onnx import SUPPORTED_OPSETS, Form, OutOfRange, ahead, build, serialise, tensor_names, write_onnx
from archc.backends.onnx.ahead import LARGE, values_of
from archc.backends.onnx.tensors import Tensor
from archc.backends.onnx.write import pieces
from archc.cli import main
from archc.ir import Axis, Graph, Input, Output
from archc.ir.ops import (
    Activation,
    Add,
    AvgPool,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dropout,
    GroupNorm,
    LayerNorm,
    Linear,
    MaxPool,
    Pad,
    Permute,
    Scale,
)
from archc.ir.passes import fold, inference, run_passes

torch = pytest.importorskip("torch", reason="the reference is torch")
pytest.importorskip("onnxruntime", reason="runs the models")
F = torch.nn.functional

PARTS = 4


def kind(row: Row) -> object:
    return row.op.function if isinstance(row.op, Activation) else type(row.op)


FIRST_OF_KIND = list({kind(row): row for row in reversed(ROWS)}.values())

# -- opsets -------------------------------------------------------------------------------------------------------------


def test_the_oldest_opset_is_13_and_the_latest_the_runtimes() -> None:
    assert tuple(range(13, 27)) == SUPPORTED_OPSETS
    for opset in SUPPORTED_OPSETS:
        assert onnx.helper.VERSION_TABLE[0]  # the table that the format's versions are taken from
        versions = {row[2]: row[1] for row in reversed(onnx.helper.VERSION_TABLE)}
        model = build(graph_of((3,), Activation("relu")), {}, Form(opset)).proto
        assert model.ir_version == versions[opset]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_op_in_every_form_in_the_oldest_opset(part: int) -> None:
    for row in ROWS[part::PARTS]:
        assert_same(graph_of(row.shape, *row.steps), row.reference, SUPPORTED_OPSETS[0])


@pytest.mark.parametrize("opset", [13, 17])
def test_free_sizes_in_old_opsets(opset: int) -> None:
    for row in FIRST_OF_KIND:
        if len(row.shape) > 1:
            graph = graph_of(row.shape, *row.steps, free=True)
            assert_same(graph, row.reference, opset, [size + 7 + axis for axis, size in enumerate(row.shape[1:])])


@pytest.mark.parametrize("opset", [13, 17, 18, 20])
def test_rows_of_zeros_before_a_pool_stay_zeros(opset: int) -> None:
    pad = Pad((1, 1), (1, 1))
    most = MaxPool((3, 3), (2, 2), (0, 0), (1, 1))
    assert_same(graph_of((2, 5, 5), pad, most), lambda x, t: F.max_pool2d(F.pad(x - 0, (1,) * 4), 3, 2), opset)
    mean = AvgPool((3, 3), (2, 2), (1, 1), ceil_mode=True)
    assert_same(graph_of((2, 6, 6), mean), lambda x, t: F.avg_pool2d(x, 3, 2, 1, True), opset)
    graph, x = graph_of((1, 4, 4), pad, most), -np.ones((1, 1, 4, 4), np.float32)
    (found,) = session(build(graph, {}, Form(opset)).whole()).run(None, {"input": x})
    assert found.tolist() == F.max_pool2d(F.pad(torch.from_numpy(x), (1,) * 4), 3, 2).tolist()


@pytest.mark.parametrize("opset", [13, 18, 20, 26])
def test_padding_between_layouts_runs(opset: int) -> None:
    """onnxruntime moves transpositions over a Pad, and over what turns the axes and back before a pool."""
    turned = (Permute("channels_last"), Activation("relu"), Permute("channels_first"))
    steps = (*turned, Pad((1, 2), (-1, 0)), Permute("channels_last"))
    assert_same(graph_of((4, 6, 5), *steps), lambda x, t: F.pad(F.relu(x), (2, 0, 1, -1)).movedim(1, -1), opset)
    pool = MaxPool((3, 3), (2, 2), (0, 0), (1, 1))
    steps = (Pad((1, 1), (1, 1)), Permute("channels_last"), Permute("channels_first"), pool)
    graph, x = graph_of((1, 4, 4), *steps), -np.ones((1, 1, 4, 4), np.float32)
    (found,) = session(build(graph, {}, Form(opset)).whole()).run(None, {"input": x})
    assert found.tolist() == F.max_pool2d(F.pad(torch.from_numpy(x), (1,) * 4), 3, 2).tolist()


# -- folding ------------------------------------------------------------------------------------------------------------

CHAINS: dict[str, tuple[tuple[int, ...], tuple[Any, ...], list[str]]] = {
    "conv": ((4, 7, 7), (Conv(4, 6, (3, 3), (2, 2), (1, 1), (1, 1), groups=2), BatchNorm(6, 1e-3)), ["s1"]),
    "no bias": ((4, 9), (Conv(4, 6, (3,), (1,), (1,), (1,), bias=False), BatchNorm(6, affine=False)), ["s1"]),
    "transposed": (
        (4, 5, 6),
        (ConvTranspose(4, 6, (3, 2), (2, 1), (1, 0), (1, 0), (1, 1), groups=2), BatchNorm(6), Activation("relu")),
        ["s1", "s3"],
    ),
    "linear": ((5,), (Linear(5, 7, bias=False), BatchNorm(7)), ["s1"]),
    "two norms and a scale": (
        (3, 4, 5, 6),
        (Conv(3, 4, (1, 2, 3), (1, 1, 1), (0, 1, 1), (1, 1, 1)), BatchNorm(4), Dropout(), Scale(4, 3), BatchNorm(4)),
        ["s1"],
    ),
    "scale alone": ((3, 5), (Conv(3, 4, (3,), (1,), (0,), (1,), bias=False), Scale(4, 1)), ["s1"]),
    "scale on channels last": (
        (4, 5, 6),
        (Permute("channels_last"), Linear(4, 3), Scale(3, 0)),
        ["s1", "s2/matmul", "s2"],
    ),
    "taken twice": (
        (3, 6, 6),
        (Conv(3, 3, (1, 1), (1, 1), (0, 0), (1, 1)), BatchNorm(3), (Add(), (1, 2))),
        ["s1", "s2", "s3"],
    ),
    "norm first": ((3, 6), (BatchNorm(3), Conv(3, 3, (1,), (1,), (0,), (1,))), ["s1", "s2"]),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_folded_network_gives_the_same(name: str) -> None:
    shape, steps, nodes = CHAINS[name]
    graph = graph_of(shape, *steps)
    state = state_of(graph)
    plain, folded = build(graph, state, Form()), build(graph, state, Form(fold=True))
    assert [node.name for node in folded.proto.graph.node] == nodes
    assert_sound(folded.whole())
    x = draw(graph, 3)
    (a,), (b,) = (session(model.whole()).run(None, {"input": x}) for model in (folded, plain))
    assert_close(a, b)


def test_an_output_between_is_not_folded_away() -> None:
    steps = (Conv(3, 4, (3, 3), (1, 1), (1, 1), (1, 1)), BatchNorm(4))
    graph = graph_of((3, 6, 6), *steps, outputs=(Output("map", 1), Output("y", 2)))
    assert len(build(graph, state_of(graph), Form(fold=True)).proto.graph.node) == 2


def test_folding_is_a_pass_and_leaves_no_norm_behind_a_conv() -> None:
    for name in ("resnet18", "mobilenet_v3_small", "googlenet"):
        graph = run_passes(archc.load(name).graph, [inference, fold])
        assert not [node.path for node in graph.nodes if isinstance(node.op, BatchNorm)]
        assert set(tensor_names(archc.load(name).graph, Form(fold=True))) >= {out.value for out in graph.outputs}


def test_constants_are_folded() -> None:
    graph = graph_of((4, 5, 6), GroupNorm(2, 4), Permute("channels_last"), Linear(4, 3))
    kinds = {
        folds: [node.op_type for node in build(graph, state_of(graph), Form(fold=folds)).proto.graph.node]
        for folds in (False, True)
    }
    assert kinds[False].count("Reshape") == 4
    assert kinds[True].count("Reshape") == 2
    assert kinds[True].count("Transpose") == 1


# -- float16 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [13, 20, 26])
def test_every_op_in_float16(opset: int) -> None:
    for row in FIRST_OF_KIND:
        graph = graph_of(row.shape, *row.steps)
        state = state_of(graph)
        model = build(graph, state, Form(opset, half=True)).whole()
        assert_sound(model)
        numbers = {tensor.data_type for tensor in model.graph.initializer} - {onnx.TensorProto.INT64}
        wide = row.op.__class__.__name__ in ("RMSNorm", "LocalResponseNorm", "Upsample") or kind(row) == "celu"
        wide = wide or (isinstance(row.op, LayerNorm) and opset < 17)
        assert wide or numbers <= {onnx.TensorProto.FLOAT16}
        assert {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)} == {
            onnx.TensorProto.FLOAT
        }
        x = draw(graph, 2)
        (found,) = session(model).run(None, {"input": x})
        assert found.dtype == np.float32
        expected = row.reference(torch.from_numpy(x), {k: torch.from_numpy(v) for k, v in state.items()}).numpy()
        assert found.shape == expected.shape
        # half the spacing of float16 is 2^-11 of a number; sums of some tens of products lose a few times as much
        assert np.abs(found - expected).max() <= 2e-3 + 6e-3 * np.abs(expected).max(), row.name


def test_a_network_in_float16_has_half_the_bytes(tmp_path: Path) -> None:
    spec = archc.load("fashion_mnist/resnet18")
    for half in (False, True):
        write_onnx(build(spec.graph, Drawn(spec.graph, 0), Form(half=half)), tmp_path / f"{half}.onnx")
    full, half_size = ((tmp_path / f"{half}.onnx").stat().st_size for half in (False, True))
    assert 0.49 < half_size / full < 0.52


def test_squares_beyond_float16_are_not_lost() -> None:
    from archc.ir.ops import RMSNorm

    graph = graph_of((4,), RMSNorm(4, 1e-8, elementwise_affine=False))
    run = session(build(graph, {}, Form(half=True)).whole())
    for size in (1000.0, 1e-3):
        (found,) = run.run(None, {"input": np.full((1, 4), size, np.float32)})
        assert np.abs(found - 1.0).max() < 0.01


@pytest.mark.parametrize("opset", [13, 16, 17, 20])
def test_a_layer_norm_keeps_its_eps_and_its_squares_in_float16(opset: int) -> None:
    graph = graph_of((4,), LayerNorm(4, 1e-8, elementwise_affine=False))
    run = session(build(graph, {}, Form(opset, half=True)).whole())
    (found,) = run.run(None, {"input": np.full((1, 4), 3.0, np.float32)})
    assert np.array_equal(found, np.zeros((1, 4)))
    for size in (1000.0, 1e-3):
        (found,) = run.run(None, {"input": np.array([[-size, size, -size, size]], np.float32)})
        assert np.abs(found - [[-1.0, 1.0, -1.0, 1.0]]).max() < 0.02


def test_weights_beyond_float16_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    graph = graph_of((3,), Linear(3, 2))
    state = state_of(graph)
    state["s1.bias"][1] = -1e5
    with pytest.raises(OutOfRange, match=r"s1\.bias: -100000"):
        write_onnx(build(graph, state, Form(half=True)), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_float16_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    init = "{weight: {type: constant, value: 300}}"
    layers = "".join(
        f"  - {{name: {name}, type: linear, out_features: 8, bias: false, init: {init}}}\n" for name in "abc"
    )
    path.write_text(f"archc: 1\nname: net\ninput: {{features: 8}}\nstages:\n{layers}")
    weights = tmp_path / "w.safetensors"
    assert main(["compile", str(path), "--torch", str(weights)]) == 0
    assert (
        main(
            ["compile", str(path), "--onnx", str(tmp_path / "n.onnx"), "--fp16", "--verify", "--weights", str(weights)]
        )
        == 1
    )
    printed = capsys.readouterr()
    assert "error[A0707]: values leave float16 at `b`" in printed.err or "at `c`" in printed.err
    assert not (tmp_path / "n.onnx").exists()


# -- batch and sizes ----------------------------------------------------------------------------------------------------


def test_every_op_with_a_fixed_batch() -> None:
    for row in FIRST_OF_KIND:
        graph = graph_of(row.shape, *row.steps)
        state = state_of(graph)
        model = build(graph, state, Form(batch=3)).whole()
        assert_sound(model)
        assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [3, *row.shape]
        x = draw(graph, 3)
        (found,) = session(model).run(None, {"input": x})
        assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim] == list(found.shape)
        assert_close(
            found, row.reference(torch.from_numpy(x), {k: torch.from_numpy(v) for k, v in state.items()}).numpy()
        )


FREE = """archc: 1
name: free
input: {channels: 3, height: {min: 32, multiple_of: 16, max: 96, default: 64}, width: {min: 16, default: 48}}
stages:
  - {name: conv, type: conv, out_channels: 8, kernel_size: 3, padding: 1, bias: false}
  - {name: bn, type: batch_norm}
  - {name: act, type: relu}
  - {name: pool, type: adaptive_avg_pool, output_size: 5}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 10}
"""


@pytest.fixture
def free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("free.yaml").write_text(FREE)


@pytest.mark.usefixtures("free")
def test_sizes_and_batch_are_fixed_by_the_command() -> None:
    assert main(["compile", "free.yaml", "--onnx", "a.onnx", "--size", "80", "33", "--batch", "4", "--verify"]) == 0
    model = onnx.load("a.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim] == [4, 3, 80, 33]
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim] == [4, 10]
    assert session("a.onnx").run(None, {"input": np.zeros((4, 3, 80, 33), np.float32)})[0].shape == (4, 10)
    assert main(["compile", "free.yaml", "--onnx", "b.onnx"]) == 0
    weights = [
        {t.name: t.raw_data for t in onnx.load(f).graph.initializer if "/" not in t.name} for f in ("a.onnx", "b.onnx")
    ]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["--size", "72", "48"], 1, "height 72 is not a size that the spec allows"),
        (["--size", "16", "48"], 1, "it is free from 32 to 96 in steps of 16"),
        (["--size", "64"], 1, "--size has 1 numbers, the input has 2 sizes"),
        (["--size", "0", "48"], 2, "--size 0 is out of range"),
        (["--batch", "0"], 2, "--batch 0 is out of range"),
        (["--fp16", "--int8"], 2, "--int8 and --fp16 exclude each other"),
        (["--calibrate", "x.npy"], 2, "--calibrate is for --int8"),
        (["--opset", "12"], 2, "use 13 to 26"),
        (["--int8", "--calibrate", "free.yaml"], 1, "error[A0708]"),
        (["--int8", "--calibrate", "none.npy"], 1, "no such file"),
    ],
)
@pytest.mark.usefixtures("free")
def test_misuse_is_told(args: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "free.yaml", "--onnx", *args]) == status
    assert says in capsys.readouterr().err
    assert os.listdir() == ["free.yaml"]


@pytest.mark.usefixtures("free")
def test_options_of_the_onnx_file_need_one(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--fold"], ["--fp16"], ["--int8"], ["--batch", "2"]):
        assert main(["compile", "free.yaml", "--python", *option]) == 2
        assert "none is asked for" in capsys.readouterr().err


@pytest.mark.usefixtures("free")
def test_a_fixed_size_is_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fixed.yaml").write_text(FREE.replace("{min: 16, default: 48}", "48"))
    assert main(["compile", "fixed.yaml", "--onnx", "--size", "64", "48"]) == 0
    assert main(["compile", "fixed.yaml", "--onnx", "--size", "64", "50"]) == 1
    assert "it is fixed at 48" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["fashion_mnist/lenet_bn", "mobilenet_v3_small"])
def test_a_folded_file_is_verified_against_the_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", name, "--verify", "--fold", "--opset", "13"]) == 0
    assert "verified" in capsys.readouterr().out


# -- int8 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("free")
def test_int8_is_quantised_by_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (24, 3, 64, 48))
    np.save("x.npy", x)
    np.savez_compressed("x.npz", other=np.zeros(3), input=(x * 255).astype(np.uint8))
    for opset in (13, 20, 26):
        args = [
            "compile",
            "free.yaml",
            "--onnx",
            f"{opset}.onnx",
            "--int8",
            "--opset",
            str(opset),
            "--calibrate",
            "x.npy",
        ]
        assert main(args) == 0
        printed = capsys.readouterr()
        assert "int8 against float32 on 24 examples: `fc` differs by" in printed.out
        assert "random input" not in printed.err
        model = onnx.load(f"{opset}.onnx")
        onnx.checker.check_model(model, full_check=True)
        assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
        assert "archc.spec" in {entry.key for entry in model.metadata_props}
        assert onnx.TensorProto.INT8 in {tensor.data_type for tensor in model.graph.initializer}
        before = session(build(archc.load("free.yaml").graph, archc.load("free.yaml").state(), Form(opset)).whole())
        after = session(f"{opset}.onnx")
        a, b = (one.run(None, {"input": x[:8].astype(np.float32)})[0] for one in (before, after))
        assert 0 < np.abs(a - b).max() < 0.1 * np.abs(a).max()
    assert main(["compile", "free.yaml", "--onnx", "z.onnx", "--int8", "--calibrate", "x.npz"]) == 0
    first = Path("20.onnx").read_bytes()
    assert main(["compile", "free.yaml", "--onnx", "20.onnx", "--int8", "--calibrate", "x.npy"]) == 0
    assert Path("20.onnx").read_bytes() == first


@pytest.mark.usefixtures("free")
def test_int8_of_random_examples_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "free.yaml", "--onnx", "--int8", "--batch", "5"]) == 0
    printed = capsys.readouterr()
    assert "the ranges of int8 come from random input" in printed.err
    assert "on 32 examples" in printed.out


ENTRY = Input(3, (Axis("height", 8), Axis("width", 8, free=True, min=4, max=16)))


def saved(array: np.ndarray, name: str = "x.npy", pickles: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickles)
    return file.getvalue()


def zipped(**arrays: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in arrays.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


GOOD = np.arange(2 * 3 * 8 * 5, dtype=np.int16).reshape(2, 3, 8, 5)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither"),
        (b"PK\x03\x04 no zip", "neither"),
        (saved(np.array([{}, None], object), pickles=True), "not numbers"),
        (saved(GOOD.astype("U3")), "not numbers"),
        (saved(GOOD.astype(complex)), "not numbers"),
        (saved(np.zeros((2, 3, 8, 20))), "the network takes (N, 3, 8, width)"),
        (saved(np.zeros((2, 1, 8, 5))), "its shape is (2, 1, 8, 5)"),
        (saved(np.zeros((3, 8, 5))), "its shape is (3, 8, 5)"),
        (saved(np.zeros((0, 3, 8, 5))), "no example"),
        (saved(np.asfortranarray(np.zeros((2, 3, 8, 5)))), "Fortran"),
        (saved(GOOD)[:-1], "ends before"),
        (saved(np.full((1, 3, 8, 5), np.nan)), "not finite"),
        (saved(np.full((1, 3, 8, 5), 1e300)), "not finite"),
        (zipped(a=saved(GOOD), b=saved(GOOD)), "2 arrays"),
        (zipped(input=b"junk"), "neither"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_examples_is_refused(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(Unusable) as caught:
        read_examples(tmp_path / "x", ENTRY)
    assert says in str(caught.value)


def test_examples_are_read_from_either_format(tmp_path: Path) -> None:
    for data in (saved(GOOD), zipped(input=saved(GOOD), labels=saved(np.zeros(2))), zipped(anything=saved(GOOD))):
        (tmp_path / "x").write_bytes(data)
        found = read_examples(tmp_path / "x", ENTRY)
        assert found.dtype == np.float32
        assert np.array_equal(found, GOOD)
    assert random_examples(ENTRY, 4, 0).shape == (4, 3, 8, 8)


def test_no_more_is_read_than_is_used(tmp_path: Path) -> None:
    head = saved(np.zeros((2, 3, 8, 5), np.float32)).replace(b"(2, 3, 8, 5), }", b"(9999999999, 3, 8, 5), }")
    start = head[: head.index(b"\n") + 1]
    body = b"\0" * (MOST_EXAMPLES * 3 * 8 * 5 * 4)
    length = int.from_bytes(start[8:10], "little") + len(start) - 10 - int.from_bytes(start[8:10], "little")
    (tmp_path / "x").write_bytes(start[:8] + length.to_bytes(2, "little") + start[10:] + body)
    assert read_examples(tmp_path / "x", ENTRY).shape == (MOST_EXAMPLES, 3, 8, 5)


# -- files --------------------------------------------------------------------------------------------------------------


def test_pieces_are_the_whole_message() -> None:
    for form in (Form(), Form(13, fold=True), Form(half=True, batch=2)):
        graph = archc.load("fashion_mnist/lenet_bn").graph
        model = build(graph, Drawn(graph, 0), form, metadata={"a": "b"})
        assert b"".join(bytes(piece) for piece in pieces(model)) == serialise(model.whole())
    empty = build(graph_of((3,), Activation("relu")), {}, metadata={"k": "v"})
    assert b"".join(pieces(empty)) == serialise(empty.whole())


def test_tensors_are_drawn_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import archc.backends.initialise as module

    graph, drawn = archc.load("fashion_mnist/lenet_bn").graph, []
    plain = module.draw
    monkeypatch.setattr(module, "draw", lambda *args: drawn.append(args[-1]) or plain(*args))
    state = Drawn(graph, 3)
    model = build(graph, state)
    assert drawn == []
    for piece in pieces(model):
        del piece
    assert drawn == [tensor.name for tensor in model.tensors if "/" not in tensor.name]
    everything = initialise(graph, 3)
    assert list(state) == list(everything)
    assert len(state) == len(everything)
    assert all(np.array_equal(state[key], everything[key]) for key in state)


def big(width: int, layers: int) -> Graph:
    return graph_of((width,), *(Linear(width, width) for _ in range(layers)))


@pytest.mark.parametrize("form", [Form(), Form(half=True), Form(fold=True)])
def test_a_large_model_has_its_tensors_beside_it(form: Form, tmp_path: Path) -> None:
    graph = big(40, 3)
    state = state_of(graph)
    write_onnx(build(graph, state, form), tmp_path / "net.onnx", limit=5000)
    assert sorted(os.listdir(tmp_path)) == ["net.onnx", "net.onnx.data"]
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
    x = draw(graph, 2)
    (found,) = session(str(tmp_path / "net.onnx")).run(None, {"input": x})
    (expected,) = session(build(graph, state, form).whole()).run(None, {"input": x})
    assert np.array_equal(found, expected)
    loaded = onnx.load(tmp_path / "net.onnx")
    dtype = np.float16 if form.half else np.float32
    for tensor in loaded.graph.initializer:
        assert np.array_equal(numpy_helper.to_array(tensor), state[tensor.name].astype(dtype))


def test_the_command_names_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import archc.backends.onnx as target
    from archc.backends.onnx import write

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(target, "LIMIT", 1000)
    monkeypatch.setattr(write.write_onnx, "__defaults__", (1000,))
    assert main(["compile", "fashion_mnist/lenet_bn", "--onnx", "net.onnx", "--verify"]) == 0
    assert "wrote net.onnx (" in capsys.readouterr().out
    assert sorted(os.listdir()) == ["net.onnx", "net.onnx.data"]
    session("net.onnx").run(None, {"input": np.zeros((2, 1, 28, 28), np.float32)})


def numbered(made: list[int], at: int, rows: int) -> Tensor:
    def make() -> Any:
        made.append(at)
        return np.full((rows, 1024), at, np.float32)

    return Tensor(f"t{at}", "float32", (rows, 1024), make)


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_tensors_that_threads_make_come_in_order(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_cores", lambda: cores)
    made: list[int] = []
    rows = [1 if at % 3 else LARGE // 4096 for at in range(30)]
    tensors = [numbered(made, at, count) for at, count in enumerate(rows)]
    for at, values in enumerate(values_of(tensors)):
        assert values.shape == (rows[at], 1024)
        assert (values == at).all()
    assert sorted(made) == list(range(30))


@pytest.mark.parametrize(("room", "most"), [(0, 1), (LARGE, 1), (2 * LARGE, 2), (5 * LARGE - 1, 4)])
def test_no_more_tensors_are_made_than_there_is_room_for(room: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_cores", lambda: 4)
    made: list[int] = []
    tensors = [numbered(made, at, LARGE // 4096) for at in range(12)]
    for taken, _ in enumerate(values_of(tensors, room)):
        assert len(made) <= taken + most


def test_a_tensor_that_a_thread_cannot_make_is_told_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_cores", lambda: 2)

    def fail() -> Any:
        raise OutOfRange("bad", 1e6)

    tensors = [numbered([], at, LARGE // 4096) for at in range(4)]
    tensors[2] = Tensor("bad", "float32", tensors[2].shape, fail)
    values = values_of(tensors)
    assert [int(next(values)[0, 0]) for _ in range(2)] == [0, 1]
    with pytest.raises(OutOfRange, match="bad"):
        next(values)


MEASURE = """
import resource
import archc
from archc.backends.onnx import build, write_onnx
from archc.backends.initialise import Drawn
graph = archc.load({spec!r}).graph
state = Drawn(graph, 0)
state["fc.0.bias"]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_onnx(build(graph, state), {path!r}, limit={limit})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the unit of ru_maxrss differs elsewhere")
@pytest.mark.parametrize("limit", [10**6, 2**30])
def test_writing_takes_the_memory_of_a_tensor_or_two(limit: int, tmp_path: Path) -> None:
    spec = tmp_path / "big.yaml"
    layers = "{name: fc, type: linear, out_features: 1500, repeat: 8}"
    spec.write_text(f"archc: 1\nname: big\ninput: {{features: 1500}}\nstages:\n  - {layers}\n")
    script = MEASURE.format(spec=str(spec), path=str(tmp_path / "big.onnx"), limit=limit)
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    weights = 8 * 1500 * 1500 * 4 // 1024
    assert int(result.stdout) < weights / 2
