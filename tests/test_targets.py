"""Every shipped spec through every target: the same numbers at every stage, and torchvision's logits."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import oracle, oracle_input, oracle_weights
from published import published, silence

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


# -- live against torchvision -------------------------------------------------------------------------------------------


def pair(name: str) -> tuple[torch.nn.Module, torch.nn.Module]:
    """(ours, torchvision's), each with the oracle's weights, and nothing dropped at random in training."""
    theirs = published(name.partition("/")[2])
    spec = archc.load(name)
    ours = spec.to_torch(oracle_weights(spec.graph.tensors()))
    theirs.load_state_dict({key: tensor.clone() for key, tensor in ours.state_dict().items()}, assign=True)
    silence(ours, theirs)
    return ours, theirs


def batch(name: str) -> torch.Tensor:
    """Two small pictures; inception's stem needs larger ones."""
    size = 107 if name.endswith("inception_v3") else 64
    x = torch.from_numpy(oracle_input((3, size, size)))
    return x.repeat(2, 1, 1, 1) * torch.tensor([1.0, -0.5]).reshape(2, 1, 1, 1)


def results(net: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    found = net(x)
    return [found] if isinstance(found, torch.Tensor) else list(found)


@pytest.mark.parametrize("name", IMAGENET)
def test_outputs_and_statistics_are_torchvisions(name: str) -> None:
    """Equal weights: the logits, in train mode those of auxiliary heads too and the running statistics, agree to 1e-5."""
    ours, theirs = pair(name)
    x = batch(name)
    with torch.no_grad():
        (a,), (b,) = results(ours.eval(), x), results(theirs.eval(), x)
        assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))
        for a, b in zip(results(ours.train(), x), results(theirs.train(), x), strict=True):
            assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))
    state = theirs.state_dict()
    for key, tensor in ours.state_dict().items():
        if "running" in key:
            assert torch.allclose(tensor, state[key], rtol=1e-5, atol=1e-6), key


ONE_OF_EACH_FAMILY = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("mnasnet1_0", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnet50"),
    *("resnext50_32x4d", "shufflenet_v2_x1_0", "squeezenet1_1", "vgg11", "vgg11_bn", "wide_resnet50_2"),
]


def test_each_family_has_one() -> None:
    families = {archc.load(name).texts[-1].name for name in IMAGENET}
    assert {archc.load(f"imagenet/{name}").texts[-1].name for name in ONE_OF_EACH_FAMILY} == families


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY)
def test_gradients_are_torchvisions(name: str) -> None:
    """A step in train mode: the gradient of every parameter, auxiliary heads included, and the running statistics."""
    ours, theirs = pair(f"imagenet/{name}")
    x, labels = batch(name), torch.tensor([3, 1])
    for net in (ours, theirs):
        sum(torch.nn.functional.cross_entropy(result, labels) for result in results(net.train(), x)).backward()
    mine = {key: parameter.grad for key, parameter in ours.named_parameters()}
    assert all(gradient is not None for gradient in mine.values())
    for key, parameter in theirs.named_parameters():
        difference, largest = (mine[key] - parameter.grad).abs().max(), parameter.grad.abs().max()
        assert float(difference) <= 1e-4 * float(largest) + 1e-7, key
    state = theirs.state_dict()
    for key, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, state[key], rtol=1e-4, atol=1e-6), key
