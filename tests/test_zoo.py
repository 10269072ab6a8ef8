"""torchvision's classifiers in the suite: logits, training, gradients and ONNX; `python -m tests.zoo` has all at full size."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torchvision's modules are torch's")
pytest.importorskip("torchvision", reason="the published networks are compared live")
pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from zoo.compare import Parity, batch, pair, parity, results, stages  # noqa: E402
from zoo.nets import LARGE, NAMES, ONE_OF_EACH_FAMILY, narrow, size, small  # noqa: E402

import archc  # noqa: E402
from archc.analysis.cost import costs  # noqa: E402
from archc.ir import ops  # noqa: E402


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_training_are_torchvisions(name: str) -> None:
    """The oracle's logits to 1e-4 of their norm; with equal weights all outputs and statistics, in both modes, to 1e-5."""
    found: Parity = parity(name)
    print(f"{name:20} {found.tensors:5} tensors  oracle {found.stored:.1e}  live {found.live:.1e}")
    print(f"{'':20} in training {found.training:.1e}  running statistics {found.statistics:.1e}")
    assert found.stored <= 1e-4
    assert max(found.live, found.training, found.statistics) <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_onnx_is_valid_and_agrees_at_every_stage(name: str) -> None:
    """Small pictures; the largest networks with narrower layers, as many as they have."""
    large = costs(archc.load(f"imagenet/{name}").graph)[""].parameters > LARGE
    found = stages(name, full=False, narrowed=large)
    assert found.worst <= 1
    graph = small(name).graph
    # a chunk is an expression, not a module: it is seen where it is joined again
    assert all(isinstance(graph.node_at[path].op, ops.Chunk) for path in found.unseen)
    assert found.compared >= len(graph.inference_nodes) - len(found.unseen)


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition("_")[0] in ("vgg16", "regnet", "convnext")])
def test_narrowed_networks_have_the_same_stages(name: str) -> None:
    whole, narrowed = archc.load(f"imagenet/{name}"), archc.load(f"imagenet/{name}", **narrow(name))
    assert [node.path for node in whole.graph.nodes] == [node.path for node in narrowed.graph.nodes]


def test_each_family_has_one() -> None:
    families = {archc.load(f"imagenet/{name}").texts[-1].name for name in NAMES}
    assert {archc.load(f"imagenet/{name}").texts[-1].name for name in ONE_OF_EACH_FAMILY} == families


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY)
def test_gradients_are_torchvisions(name: str) -> None:
    """A step in train mode: the gradient of every parameter, auxiliary heads included, and the running statistics."""
    _, ours, theirs = pair(name)
    x, labels = batch(size(name)), torch.tensor([3, 1])
    gradients = []
    for net in (ours, theirs):
        net.zero_grad()
        loss = sum(torch.nn.functional.cross_entropy(result, labels) for result in results(net.train(), x))
        loss.backward()
        gradients.append({key: parameter.grad for key, parameter in net.named_parameters()})
        net.zero_grad()  # the parameters are shared
    mine, published = gradients
    assert mine.keys() == published.keys()
    for key, gradient in published.items():
        assert mine[key] is not None, key
        assert mine[key] is not gradient, key
        assert float((mine[key] - gradient).abs().max()) <= 1e-4 * float(gradient.abs().max()) + 1e-7, key
    state = theirs.state_dict()
    for key, tensor in ours.state_dict().items():
        assert torch.allclose(tensor, state[key], rtol=1e-4, atol=1e-6), key


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_outputs_are_in_training_only(name: str) -> None:
    _, ours, theirs = pair(name)
    x = batch(size(name))
    assert len(results(ours.train(), x)) == len(results(theirs.train(), x)) == {"googlenet": 3, "inception_v3": 2}[name]
    assert len(results(ours.eval(), x)) == 1


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_the_input_is_normalised_as_published(name: str) -> None:
    """Pretrained weights of these two want pictures normalised otherwise than for the other networks."""
    spec, _, theirs = pair(name)
    normalising = archc.load(f"imagenet/{name}", transform_input=True)
    ours = normalising.to_torch({key: value.numpy() for key, value in theirs.state_dict().items()}).eval()
    theirs.eval().transform_input = True
    x = batch(size(name))
    with torch.no_grad():
        a, b = ours(x), theirs(x)
        theirs.transform_input = False
        assert float((theirs(x) - b).abs().max()) > 1e-4
    assert float((a - b).abs().max()) <= 1e-5 * max(1.0, float(b.abs().max()))
    assert [key for key, _, _ in spec.graph.tensors()] == [key for key, _, _ in normalising.graph.tensors()]
