"""int8: what onnxruntime's quantiser cannot do is left out or told, and every file that is written runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="initial weights are compared with torch's module")
pytest.importorskip("onnxruntime", reason="quantises and runs the models")

import onnxruntime
import torch

from archc.api import load
from archc.cli import main

TRANSPOSED = """\
  - {name: up, type: conv_transpose, out_channels: 8, kernel_size: 2, stride: 2, groups: 2}
  - {name: conv, type: conv, out_channels: 4, kernel_size: 3}
"""
"""The quantiser gives a grouped weight half as many scales as there are biases."""
POOLED = """\
  - {name: pool, type: max_pool, kernel_size: 2, stride: 2}
  - {name: up, type: upsample, scale_factor: 2}
  - {name: sum, type: add, from: [input, up]}
  - {name: conv, type: conv, out_channels: 4, kernel_size: 3}
"""
"""With opset 21 onnxruntime's own optimiser makes a file of it that it refuses."""
CONSTANT = """\
  - {name: conv, type: conv, out_channels: 8, kernel_size: 3, bias: false}
  - {name: norm, type: group_norm, num_groups: 8}
  - {name: pool, type: global_avg_pool}
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 3}
"""
"""The mean of what is normalised is 0: its scale is too small for onnxruntime's kernel."""
EVERY = "onnxruntime would not run all of it in int8"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(stages: str) -> np.ndarray:
    """A spec, and examples in a file."""
    Path("net.yaml").write_text(
        f"archc: 1\nname: net\ninput: {{channels: 4, height: 16, width: 16}}\nstages:\n{stages}"
    )
    examples = np.random.default_rng(0).standard_normal((8, 4, 16, 16)).astype(np.float32)
    np.save("x.npy", examples)
    return examples


@pytest.mark.parametrize("opset", [13, 20, 21, 26])
@pytest.mark.parametrize(
    ("stages", "partial"), [(TRANSPOSED, False), (POOLED, False), (CONSTANT, True)], ids=["t", "p", "c"]
)
def test_what_the_quantiser_gets_wrong_is_left_in_float32(
    stages: str, partial: bool, opset: int, capfd: pytest.CaptureFixture[str]
) -> None:
    x = write(stages)
    args = ["compile", "net.yaml", "--onnx", "--int8", "--calibrate", "x.npy", "--opset", str(opset)]
    assert main(args) == 0
    printed = capfd.readouterr()
    assert printed.err == ""
    assert (EVERY in printed.out) == partial
    model = onnx.load("net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert onnx.TensorProto.INT8 in {tensor.data_type for tensor in model.graph.initializer}
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": x})
    with torch.no_grad():
        wanted = load(Path("net.yaml")).to_torch().eval()(torch.from_numpy(x)).numpy()
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


def test_numbers_that_are_not_finite_are_told(capfd: pytest.CaptureFixture[str]) -> None:
    x = write(CONSTANT)
    np.save("x.npy", np.full_like(x, 1e38))
    assert main(["compile", "net.yaml", "--onnx", "--int8", "--calibrate", "x.npy"]) == 1
    printed = capfd.readouterr()
    assert "error[A0708]: cannot quantise: the network gives numbers that are not finite" in printed.err
    assert not Path("net.onnx").exists()


def test_what_cannot_be_quantised_at_all_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from archc.backends.onnx import quantise

    def broken(*_: object, **__: object) -> None:
        raise AssertionError("scale issue\nand more")

    write(CONSTANT)
    monkeypatch.setattr(quantise, "quantize_static", broken)
    assert main(["compile", "net.yaml", "--onnx", "--int8", "--calibrate", "x.npy"]) == 1
    assert "error[A0708]: cannot quantise: onnxruntime says: scale issue\n" in capfd.readouterr().err
    assert not Path("net.onnx").exists()


@pytest.mark.parametrize("option", ["--calibrate", "--profile", "--weights"])
def test_what_is_read_is_not_written_over(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    write(CONSTANT)
    profile = b"archc_profile: 1\nname: device\n"
    Path("p.yaml").write_bytes(profile)
    assert main(["compile", "net.yaml", "--torch", "w.safetensors"]) == 0
    name = {"--calibrate": "x.npy", "--profile": "p.yaml", "--weights": "w.safetensors"}[option]
    before = Path(name).read_bytes()
    more = ["--int8"] if option == "--calibrate" else []
    assert main(["compile", "net.yaml", "--onnx", f"./{name}", option, name, *more]) == 1
    assert "is read by this very command" in capfd.readouterr().err
    assert Path(name).read_bytes() == before


def test_a_profile_that_a_spec_names_is_not_written_over(capfd: pytest.CaptureFixture[str]) -> None:
    write(CONSTANT + "profile: p.yaml\n")
    Path("p.yaml").write_text("archc_profile: 1\nname: device\n")
    assert main(["compile", "net.yaml", "--onnx", "p.yaml"]) == 1
    assert "is read by this very command" in capfd.readouterr().err
