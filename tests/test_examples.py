"""The examples: what each shows holds, under other params and at other sizes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import oracle_weights
from safetensors.numpy import save_file

from archc.analysis.cost import costs
from archc.analysis.replay import types_at
from archc.api import load, load_with
from archc.ir import Graph
from archc.ir.ops import Activation, Conv

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
FREE = {"backbone": [32, 160, 224], "pyramid": [32, 96], "resnet1d": [32, 33, 500, 1001], "unet": [16, 48, 64]}


def graph(name: str, **params: Any) -> Graph:
    return load(EXAMPLES / f"{name}.yaml", **params).graph


def shape(found: Graph, output: str = "") -> tuple[int, ...]:
    outputs = {out.name: found.types[out.value].shape for out in found.outputs}
    return outputs[output] if output else next(iter(outputs.values()))


@pytest.mark.parametrize("name", NAMES)
def test_opens_with_what_it_shows(name: str) -> None:
    _, first, second = (EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:3]
    assert first.startswith("# ")
    assert second == "archc: 1"


def test_free_sizes_are_the_examples_that_have_them() -> None:
    free = {name for name in NAMES if any(axis.free for axis in graph(name).input.axes)}
    assert free == set(FREE)


@pytest.mark.parametrize(("name", "size"), [(name, size) for name, sizes in FREE.items() for size in sizes])
def test_free_sizes(name: str, size: int) -> None:
    found = graph(name)
    _, fault = types_at(found, (size,) * len(found.input.axes))
    assert fault is None


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("auxiliary", {"num_classes": 2}),
        ("auxiliary", {"auxiliary": False}),
        ("backbone", {"depths": [3, 4, 6, 3]}),
        ("pyramid", {"width": 256, "zero_init_residual": True}),
        ("resnet1d", {"width": 8, "num_classes": 71}),
        ("se_resnet", {"width": 32}),
        ("unet", {"width": 4, "num_classes": 21}),
    ],
)
def test_variants(name: str, params: dict[str, Any]) -> None:
    assert load(EXAMPLES / f"{name}.yaml", **params).check() == []


def test_the_users_block_has_a_shortcut_where_the_shape_is_kept_and_a_projection_elsewhere() -> None:
    found = graph("se_resnet", width=8)
    projections = [node.path for node in found.nodes if node.path.endswith("shortcut.conv")]
    assert projections == ["layer2.0.shortcut.conv", "layer3.0.shortcut.conv"]
    assert [found.node_at[path].op.stride for path in projections] == [(2, 2), (2, 2)]


def test_the_users_block_takes_an_activation_with_fields() -> None:
    acts = {path: node.op for path, node in graph("se_resnet").node_at.items() if path.endswith(".0.act")}
    assert acts["layer1.0.act"] == Activation("relu", {})
    assert acts["layer2.0.act"] == Activation("leaky_relu", {"negative_slope": 0.1})
    assert acts["layer3.0.act"] == Activation("silu", {})


def test_a_users_block_without_a_required_field_is_reported_at_its_use() -> None:
    text = (EXAMPLES / "se_resnet.yaml").read_text(encoding="utf-8")
    broken = text.replace("repeat: 2, out_channels: $width}", "repeat: 2}")
    (found,) = load_with("-", [], data=broken.encode()).check()
    lines = broken.splitlines()
    assert (found.code, lines[found.span.line - 1][found.span.column - 1 :][:11]) == ("A0102", "se_residual")


def test_unet_joins_skips_of_its_own_size() -> None:
    found = graph("unet")
    assert shape(found) == (2, 64, 64)
    for level in range(1, 5):
        skip = found.scope_at[f"down{level}"].output
        assert found.scope_at[f"up{level}"].inputs[1] == skip


@pytest.mark.parametrize("size", [8, 40, 63])
def test_unet_refuses_other_sizes(size: int) -> None:
    _, fault = types_at(graph("unet"), (size, size))
    assert fault is not None


def test_unet_that_allows_any_size_is_reported() -> None:
    text = (EXAMPLES / "unet.yaml").read_text(encoding="utf-8").replace("multiple_of: 16", "multiple_of: 8")
    found = load_with("-", [], data=text.encode()).check()
    assert [diagnostic.code for diagnostic in found] == ["A0312", "A0312"]


def test_backbone_has_three_outputs_and_published_names() -> None:
    found = graph("backbone")
    assert {out.name: shape(found, out.name) for out in found.outputs} == {
        "c3": (128, 28, 28),
        "c4": (256, 14, 14),
        "c5": (512, 7, 7),
    }
    published = {key: tensor.shape for key, tensor, _ in load("imagenet/resnet18").graph.tensors()}
    headless = {key: size for key, size in published.items() if not key.startswith("fc.")}
    assert {key: tensor.shape for key, tensor, _ in found.tensors()} == headless


def test_pyramid_adds_to_the_backbone() -> None:
    found = graph("pyramid", width=16)
    assert [shape(found, name) for name in ("p3", "p4", "p5")] == [(16, 28, 28), (16, 14, 14), (16, 7, 7)]
    below = {key for key, _, _ in graph("backbone").tensors()}
    assert {key.partition(".")[0] for key, _, _ in found.tensors() if key not in below} == {
        *("lateral3", "lateral4", "lateral5"),
        *("smooth3", "smooth4", "smooth5"),
    }


def test_resnet1d_has_kernels_of_one_axis() -> None:
    kernels = {node.op.kernel_size for node in graph("resnet1d").nodes if isinstance(node.op, Conv)}
    assert kernels == {(15,), (3,), (1,)}


def test_the_auxiliary_output_counts_only_in_training() -> None:
    found, without = graph("auxiliary"), graph("auxiliary", auxiliary=False)
    assert [(out.name, out.training_only) for out in found.outputs] == [("logits", False), ("early", True)]
    assert [out.name for out in without.outputs] == ["logits"]
    assert costs(found)[""].parameters == costs(without)[""].parameters + 330
    assert costs(found)[""].macs == costs(without)[""].macs


# -- run ----------------------------------------------------------------------------------------------------------------


def values(result: Any) -> list[Any]:
    return [value.numpy() for value in (result if isinstance(result, tuple) else (result,))]


@pytest.mark.parametrize("name", NAMES)
def test_torch_and_onnxruntime_agree_at_every_size(name: str) -> None:
    torch = pytest.importorskip("torch", reason="the torch target needs torch")
    onnxruntime = pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")
    spec = load(EXAMPLES / f"{name}.yaml")
    found = spec.graph
    net = spec.to_torch().eval()
    session = onnxruntime.InferenceSession(spec.to_onnx().SerializeToString())
    for size in FREE.get(name, [found.input.axes[0].default]):
        sizes = (size,) * len(found.input.axes)
        types, _ = types_at(found, sizes)
        x = np.random.default_rng(size).standard_normal((2, found.input.channels, *sizes)).astype(np.float32)
        with torch.inference_mode():
            ours = values(net(torch.from_numpy(x)))
        theirs = session.run(None, {session.get_inputs()[0].name: x})
        assert [value.shape for value in ours] == [(2, *types[out.value].shape) for out in found.live_outputs]
        for a, b in zip(theirs, ours, strict=True):
            assert np.abs(a - b).max() <= 1e-5 + 1e-4 * np.abs(b).max()


def test_the_auxiliary_output_is_there_in_training_and_gone_in_evaluation() -> None:
    torch = pytest.importorskip("torch", reason="the torch target needs torch")
    net = load(EXAMPLES / "auxiliary.yaml").to_torch()
    x = torch.zeros(2, 3, 32, 32)
    training = net.train()(x)
    assert training._fields == ("logits", "early")
    assert training.early.shape == (2, 10)
    assert net.eval()(x).shape == (2, 10)


@pytest.mark.parametrize("weights", ["drawn", "loaded"])
def test_compile_and_run(weights: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the program runs torch")
    pytest.importorskip("onnxruntime", reason="the program runs onnxruntime")
    file = tmp_path / "weights.safetensors"
    if weights == "loaded":
        save_file(oracle_weights(load("resnet18").graph.tensors()), file)
    command = [sys.executable, "compile_and_run.py", *([str(file)] if weights == "loaded" else [])]
    ran = subprocess.run(command, cwd=EXAMPLES, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    by_torch, by_onnxruntime, difference = ran.stdout.splitlines()
    assert by_torch.partition(":")[2].split() == by_onnxruntime.partition(":")[2].split()
    assert float(difference.rpartition(" ")[2]) < 1e-3
