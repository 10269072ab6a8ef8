"""Every shipped spec through every target: the same numbers at every stage, and torchvision's logits."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import oracle, oracle_input, oracle_weights

import archc
from archc.ir import ops
from archc.spec.load import shipped_specs

torch = pytest.importorskip("torch", reason="the torch target needs torch")
onnxruntime = pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from archc.backends.onnx import DEFAULT_OPSET  # noqa: E402
from archc.verify import probe_state, record, verify  # noqa: E402

NAMES = list(shipped_specs())
IMAGENET = [name for name in NAMES if name.startswith("imagenet/")]


@pytest.mark.parametrize("name", NAMES)
def test_targets_agree_at_every_stage(name: str) -> None:
    graph = archc.load(name).graph
    verdict = verify(graph, probe_state(graph), DEFAULT_OPSET)
    assert verdict.keys_agree
    assert [found for found in verdict.python if found.difference != 0.0] == []
    assert [found for found in verdict.onnx if not found.within] == []
    stages = [node.path for node in graph.nodes if node.path in graph.inference_nodes]
    compared = {found.path for found in verdict.onnx}
    # A chunk is an expression, not a module: it is seen where it is joined again.
    assert {path for path in stages if path not in compared} <= {
        p for p in stages if isinstance(graph.node_at[p].op, ops.Chunk)
    }
    assert verdict.agrees


def test_the_comparison_sees_a_wrong_eps() -> None:
    """A batch norm whose eps is off by a factor of ten is far outside the bound, with the weights that `verify` draws."""
    right = archc.load("fashion_mnist/lenet_bn").graph
    state = probe_state(right)
    state = {key: value * (1e-3 if key.endswith("running_var") else 1) for key, value in state.items()}
    net = archc.load("fashion_mnist/lenet_bn").to_torch(state).eval()
    x = np.random.default_rng(0).standard_normal((2, 1, 28, 28)).astype(np.float32)
    before = record(right, net, x)
    net.bn1.eps = 1e-4
    after = record(right, net, x)
    value = right.node_at["bn1"].output
    difference = float(np.abs(before[value] - after[value]).max())
    assert difference > 10 * (1e-5 + 1e-4 * float(np.abs(before[value]).max()))


@pytest.mark.parametrize("name", IMAGENET)
def test_logits_are_torchvisions(name: str) -> None:
    wanted = oracle(name.partition("/")[2])
    spec = archc.load(name)
    state = oracle_weights(spec.graph.tensors())
    x = oracle_input(wanted["input"])
    with torch.no_grad():
        logits = spec.to_torch(state).eval()(torch.from_numpy(x))[0].numpy()
    assert logits.shape == (1000,)
    assert np.abs(logits[:16] - np.array(wanted["logits"])).max() <= 1e-4 * wanted["norm"]
    assert abs(float(np.linalg.norm(logits)) - wanted["norm"]) <= 1e-4 * wanted["norm"]
    assert int(logits.argmax()) == wanted["argmax"]


@pytest.mark.parametrize("name", IMAGENET)
def test_train_mode_agrees_with_torchvision(name: str) -> None:
    """Live: equal weights, a batch in train mode; running statistics and the logits of eval mode agree to 1e-5."""
    torchvision = pytest.importorskip("torchvision", reason="the live comparison needs torchvision")
    builder = name.partition("/")[2]
    options = {"init_weights": False, "aux_logits": True} if builder == "googlenet" else {}
    theirs = torchvision.models.get_model(builder, weights=None, **options)
    spec = archc.load(name)
    ours = spec.to_torch(oracle_weights(spec.graph.tensors()))
    theirs.load_state_dict(ours.state_dict())
    x = torch.from_numpy(oracle_input((3, 64, 64))).repeat(2, 1, 1, 1) * torch.tensor([1.0, -0.5]).reshape(2, 1, 1, 1)
    for net in (ours, theirs):
        for module in net.modules():
            if isinstance(module, torch.nn.Dropout) or type(module).__name__ == "StochasticDepth":
                module.p = 0.0
    if builder != "vgg16_bn":  # its classifier's dropout is silenced above; its 7×7 pool accepts any size
        _compare_training(ours, theirs, x)
    with torch.no_grad():
        a, b = ours.eval()(x), theirs.eval()(x)
    assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))


def _compare_training(ours: torch.nn.Module, theirs: torch.nn.Module, x: torch.Tensor) -> None:
    with torch.no_grad():
        a, b = ours.train()(x), theirs.train()(x)
    for one, other in zip(
        [a] if isinstance(a, torch.Tensor) else a, [b] if isinstance(b, torch.Tensor) else b, strict=True
    ):
        assert float((one - other).abs().max()) <= 1e-4 * max(1.0, float(other.abs().max()))
    state = theirs.state_dict()
    for key, tensor in ours.state_dict().items():
        if "running" in key:
            assert torch.allclose(tensor, state[key], rtol=1e-4, atol=1e-5), key
