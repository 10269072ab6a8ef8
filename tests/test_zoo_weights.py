"""Checkpoints saved from torchvision: read as they are, to an ONNX file that gives torchvision's answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import oracle, oracle_input

import archc
from archc.backends.fit import Found, expected_of, fit, offered
from archc.cli import main
from archc.spec.load import shipped_specs

torch = pytest.importorskip("torch", reason="torchvision's modules are torch's")
models = pytest.importorskip("torchvision.models", reason="its checkpoints are read")
onnxruntime = pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

DENSENETS = [name.partition("/")[2] for name in shipped_specs() if name.startswith("imagenet/densenet")]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def saved(name: str, path: str) -> Any:
    """torchvision's module with random weights, whose state_dict is now in the file at `path`."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = models.get_model(name, weights=None).eval()
    if path.endswith(".safetensors"):
        from safetensors.torch import save_file

        save_file(net.state_dict(), path)
    else:
        torch.save(net.state_dict(), path)
    return net


def run(path: str, x: Any) -> Any:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": x})[0]


@pytest.mark.parametrize("path", ["resnet50.pth", "resnet50.safetensors"])
def test_a_checkpoint_becomes_onnx(path: str) -> None:
    net = saved("resnet50", path)
    assert main(["compile", "resnet50", "--onnx", "--weights", path]) == 0
    x = oracle_input((3, 224, 224))
    with torch.no_grad():
        wanted = net(torch.from_numpy(x)).numpy()
    assert np.abs(run("resnet50.onnx", x) - wanted).max() <= 1e-5 + 1e-4 * np.abs(wanted).max()


def test_a_head_for_other_classes(capsys: pytest.CaptureFixture[str]) -> None:
    saved("resnet18", "resnet18.pth")
    command = ["compile", "resnet18", "--set", "num_classes=10", "--onnx", "--weights", "resnet18.pth"]
    assert main(command) == 1
    err = capsys.readouterr().err
    assert "of 122 tensors: 120 fit, 2 of another shape" in err
    (offer,) = re.findall(r"add `(--weights-except [\w.,]+)`", err)
    assert not Path("resnet18.onnx").exists()
    assert main([*command, *offer.split()]) == 0
    assert "drawn at random (seed 0): fc.weight, fc.bias" in capsys.readouterr().out
    assert run("resnet18.onnx", oracle_input((3, 224, 224))).shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "offer"),
    [
        ("googlenet", "fc,aux1.fc2,aux2.fc2"),
        ("inception_v3", "fc,AuxLogits.fc"),
        ("vgg11", "classifier.6"),
        ("densenet121", "classifier"),
        ("squeezenet1_1", "classifier"),
        ("mobilenet_v3_small", "classifier.3"),
        ("convnext_tiny", "classifier.2"),
    ],
)
def test_what_is_offered_for_other_classes(name: str, offer: str) -> None:
    expected = expected_of(archc.load(name, num_classes=10).graph, inference_only=False)
    result = fit(published(name), expected, {})
    assert offered(result) == offer.split(",")


def published(name: str) -> dict[str, Found]:
    """The tensors of a checkpoint of torchvision, by the oracle."""
    return {key: Found(tuple(shape), key.endswith("num_batches_tracked")) for key, shape in oracle(name)["state_dict"]}


@pytest.mark.parametrize("name", DENSENETS)
def test_older_names_of_densenet(name: str) -> None:
    """Its published files have `norm.1` for `norm1`, and no counters."""
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", key): found
        for key, found in published(name).items()
        if not found.is_integer
    }
    assert sum(".norm.1." in key for key in old) > 200
    graph = archc.load(name).graph
    result = fit(old, expected_of(graph, inference_only=False), dict(graph.aliases))
    assert result.is_whole
    assert len(result.names) == len(old)
    assert not fit(old, expected_of(graph, inference_only=False), {}).is_whole


def test_an_older_densenet_file_is_read(tmp_path: Path) -> None:
    net = saved("densenet121", "new.pth")
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", k): v for k, v in net.state_dict().items()}
    torch.save(old, "old.pth")
    spec = archc.load("densenet121")
    state = spec.weights("old.pth")
    for key, value in spec.weights("new.pth").items():
        assert np.array_equal(value, state[key]), key


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod."])
def test_a_wrapped_module_was_saved(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    net = saved("squeezenet1_1", "plain.pth")
    torch.save({"state_dict": {prefix + key: value for key, value in net.state_dict().items()}}, "wrapped.pth")
    for path in ("plain.pth", "wrapped.pth"):
        assert main(["compile", "squeezenet1_1", "--torch", f"{path}.safetensors", "--weights", path]) == 0
    assert f"read over `{prefix}` before every name in wrapped.pth" in capsys.readouterr().out
    assert Path("plain.pth.safetensors").read_bytes() == Path("wrapped.pth.safetensors").read_bytes()
