"""One network against torchvision's: names, logits, training, ONNX at every stage; each as a row of figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from oracle import oracle, oracle_input, oracle_weights
from published import published, silence
from torch import Tensor, nn

import archc
from archc.backends.onnx import DEFAULT_OPSET, LIMIT, to_onnx, write_onnx
from archc.verify import probe_state, verify

from .nets import size, small


@dataclass(frozen=True)
class Parity:
    """How far a network is from torchvision's."""

    name: str
    tensors: int
    """Names and shapes in the state_dict, all of them equal."""
    parameters: int
    stored: float
    """Largest difference of the first 16 logits, of their norm as well, over the norm of the oracle's."""
    live: float
    """Largest difference of the logits with equal weights, in units of max(1, the largest)."""
    training: float
    """The same in train mode, of all outputs."""
    statistics: float
    """The same of running means and variances after that."""


@dataclass(frozen=True)
class Stages:
    """How far ONNX Runtime is from torch."""

    name: str
    compared: int
    worst: float
    """The largest difference over its bound."""
    path: str
    unseen: tuple[str, ...]


def pair(name: str) -> tuple[archc.Spec, nn.Module, nn.Module]:
    """(spec, ours, torchvision's), both with the oracle's weights, and nothing dropped at random in training."""
    spec = archc.load(f"imagenet/{name}")
    ours, theirs = spec.to_torch(oracle_weights(spec.graph.tensors())), published(name)
    # parameters may be shared, but each keeps running statistics of its own
    state = theirs.state_dict()  # with the versions of its modules, which mnasnet asks for
    state.update({key: value.clone() if "running" in key else value for key, value in ours.state_dict().items()})
    theirs.load_state_dict(state, assign=True)
    silence(ours, theirs)
    return spec, ours, theirs


def parity(name: str, live_at: int | None = None) -> Parity:
    """Compare the logits with the oracle's, and live on pictures of `live_at` rows (small ones by default)."""
    wanted = oracle(name)
    _, ours, theirs = pair(name)
    shapes = {key: list(tensor.shape) for key, tensor in ours.state_dict().items()}
    assert shapes == dict(wanted["state_dict"]) == {key: list(one.shape) for key, one in theirs.state_dict().items()}
    assert sum(one.numel() for one in ours.parameters()) == wanted["params"]
    with torch.no_grad():
        logits = ours.eval()(torch.from_numpy(oracle_input(wanted["input"])))[0].numpy()
        assert logits.shape == (1000,)
        assert int(logits.argmax()) == wanted["argmax"]
        norm = wanted["norm"]
        stored = max(np.abs(logits[:16] - np.array(wanted["logits"])).max(), abs(float(np.linalg.norm(logits)) - norm))
        x = batch(live_at or size(name))
        live = apart(results(ours.eval(), x), results(theirs.eval(), x))
        x = batch(size(name))
        training = apart(results(ours.train(), x), results(theirs.train(), x))
    state = theirs.state_dict()
    running = {key: value for key, value in ours.state_dict().items() if "running" in key}
    statistics = apart(list(running.values()), [state[key] for key in running])
    return Parity(name, len(shapes), wanted["params"], float(stored) / norm, live, training, statistics)


def batch(rows: int) -> Tensor:
    """Two pictures."""
    x = torch.from_numpy(oracle_input((3, rows, rows)))
    return x.repeat(2, 1, 1, 1) * torch.tensor([1.0, -0.5]).reshape(2, 1, 1, 1)


def results(net: nn.Module, x: Tensor) -> list[Tensor]:
    """All outputs that are live in the module's mode."""
    found = net(x)
    return [found] if isinstance(found, Tensor) else [one for one in found if one is not None]


def apart(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """The largest difference, in units of max(1, the largest value) of its tensor."""
    pairs = zip(ours, theirs, strict=True)
    return max((float((a - b).abs().max()) / max(1.0, float(b.abs().max())) for a, b in pairs), default=0.0)


def stages(name: str, full: bool, narrowed: bool = False) -> Stages:
    """The full checker on the ONNX file, then ONNX Runtime and the generated source against torch at every stage."""
    spec = archc.load(f"imagenet/{name}") if full else small(name, narrowed)
    graph = spec.graph
    state = probe_state(graph)
    check(to_onnx(graph, state, metadata=spec.metadata()))
    verdict = verify(graph, state, DEFAULT_OPSET)
    assert verdict.agrees
    worst = verdict.worst
    return Stages(name, len(verdict.onnx), worst.difference / worst.bound, worst.path, verdict.unseen)


def check(model: onnx.ModelProto) -> None:
    """The full checker: types and shapes are inferred too."""
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) <= LIMIT:
        onnx.checker.check_model(model, full_check=True)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(model, path)
        onnx.checker.check_model(str(path), full_check=True)
