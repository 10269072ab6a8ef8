"""What people do with a module: index it, hook it, copy, pickle, compile and export it."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import archc

torch = pytest.importorskip("torch", reason="the torch target needs torch")

EXAMPLES = Path(__file__).parent.parent / "examples"
SPECS = {
    "resnet18": ("imagenet/resnet18", {}, 64),
    "lenet_bn": ("fashion_mnist/lenet_bn", {}, 28),
    "googlenet": ("imagenet/googlenet", {}, 64),
    "unet": (EXAMPLES / "unet.yaml", {}, 32),
}


@pytest.fixture(params=SPECS)
def net_and_input(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, torch.Tensor]:
    path, params, size = SPECS[request.param]
    spec = archc.load(path, **params)
    torch.manual_seed(0)
    return spec.to_torch().eval(), torch.randn(2, spec.graph.input.channels, size, size)


def result(net: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return net(x)


def test_stages_are_attributes_and_modules() -> None:
    net = archc.load("resnet18").to_torch().eval()
    assert isinstance(net.layer1[0].conv1, torch.nn.Conv2d)
    x = torch.randn(1, 64, 8, 8)
    assert result(net.layer1, x).shape == (1, 64, 8, 8)
    assert torch.equal(result(net.layer1, x), result(net.layer1[1], result(net.layer1[0], x)))
    assert net.layer2[0].downsample[0].stride == (2, 2)


def test_hooks_see_a_block(net_and_input: tuple[torch.nn.Module, torch.Tensor]) -> None:
    net, x = net_and_input
    seen: list[str] = []
    children = dict(net.named_children())
    for name, module in children.items():
        module.register_forward_hook(lambda *_, name=name: seen.append(name))
    result(net, x)
    assert set(seen) == {name for name in children if not name.startswith("aux")}


def test_freezing_a_stage_stops_its_gradients() -> None:
    net = archc.load("fashion_mnist/lenet_bn").to_torch()
    net.conv1.requires_grad_(False)
    net(torch.randn(2, 1, 28, 28)).sum().backward()
    assert net.conv1.weight.grad is None
    assert net.conv2.weight.grad is not None


def test_a_deep_copy_is_equal_and_independent(net_and_input: tuple[torch.nn.Module, torch.Tensor]) -> None:
    net, x = net_and_input
    other = copy.deepcopy(net)
    assert torch.equal(result(other, x), result(net, x))
    next(other.parameters()).data.zero_()
    assert not torch.equal(result(other, x), result(net, x))


def test_pickle_rebuilds_in_a_process_that_never_saw_the_spec(
    net_and_input: tuple[torch.nn.Module, torch.Tensor], tmp_path: Path
) -> None:
    net, x = net_and_input
    (tmp_path / "net").write_bytes(pickle.dumps((net, x)))
    code = f"import pickle, torch; net, x = pickle.load(open({str(tmp_path / 'net')!r}, 'rb')); torch.save(net(x).detach(), {str(tmp_path / 'y')!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert torch.allclose(torch.load(tmp_path / "y", weights_only=True), result(net, x), atol=1e-6)


@pytest.mark.filterwarnings("ignore")  # deprecations inside torch's own compiler
def test_it_compiles_as_one_graph(net_and_input: tuple[torch.nn.Module, torch.Tensor]) -> None:
    net, x = net_and_input
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    assert torch.allclose(result(compiled, x), result(net, x), atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")  # deprecations inside torch's own exporter
def test_it_exports(net_and_input: tuple[torch.nn.Module, torch.Tensor]) -> None:
    net, x = net_and_input
    program = torch.export.export(net, (x,))
    assert torch.allclose(program.module()(x), result(net, x), atol=1e-5, rtol=1e-4)


def test_training_only_outputs_come_with_names() -> None:
    net = archc.load("googlenet").to_torch()
    out = net(torch.randn(2, 3, 96, 96))
    assert out._fields == ("logits", "aux2", "aux1")
    assert isinstance(net.eval()(torch.randn(2, 3, 96, 96)), torch.Tensor)


def test_a_traceback_shows_the_generated_source() -> None:
    net = archc.load("fashion_mnist/lenet_bn").to_torch()
    with pytest.raises(RuntimeError) as caught:
        net(torch.randn(1, 2, 28, 28))
    lines = [str(entry.statement) for entry in caught.traceback]
    assert any("self.conv1(x)" in line for line in lines)


def test_the_from_scratch_batch_norm_agrees() -> None:
    """Normalise by the batch in training and by moving averages in evaluation, moving average factor 0.9."""
    spec = archc.load("fashion_mnist/lenet_bn")
    net = spec.to_torch().train()
    x = torch.randn(8, 6, 24, 24)
    gamma, beta = net.bn1.weight.detach(), net.bn1.bias.detach()
    mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
    scratch = gamma.reshape(1, -1, 1, 1) * (x - mean) / (var + 1e-5).sqrt() + beta.reshape(1, -1, 1, 1)
    assert float((net.bn1(x).detach() - scratch).abs().max()) <= 1e-5
    moving = 0.1 * mean.flatten()
    assert float((net.bn1.running_mean - moving).abs().max()) <= 1e-6
    running_var = net.bn1.running_var.reshape(1, -1, 1, 1)
    scratch = (x - moving.reshape(1, -1, 1, 1)) / (running_var + 1e-5).sqrt()
    assert float((net.eval().bn1(x).detach() - scratch).abs().max()) <= 1e-5
