"""Activations that write over what they take: where nobody can see it, and nowhere else."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from strategies import random_spec

import archc
from archc.api import Spec, load_with
from archc.ir.in_place import in_place

torch = pytest.importorskip("torch", reason="the torch target needs torch")

HEAD = "archc: 1\nname: net\ninput: {channels: 4, height: 8, width: 8}\nstages:\n"
CONV = "type: conv, out_channels: 4, kernel_size: 3, padding: 1"


def net_of(stages: str) -> Spec:
    return load_with("-", [], (HEAD + stages).encode())


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (f"  - {{name: c, {CONV}}}\n  - {{name: r, type: relu}}\n", {"r"}),
        (f"  - {{name: c, {CONV}}}\n  - {{name: r, type: relu6}}\n", {"r"}),
        ("  - {name: r, type: relu}\n", set()),  # the caller's own tensor
        (f"  - {{name: c, {CONV}}}\n  - {{name: s, type: silu}}\n", set()),  # it needs its input for the gradient
        (f"  - {{name: c, {CONV}}}\n  - {{name: s, type: sigmoid}}\n  - {{name: r, type: relu}}\n", set()),
        (f"  - {{name: c, {CONV}}}\n  - {{name: d, type: dropout}}\n  - {{name: r, type: relu}}\n", set()),
        (f"  - {{name: c, {CONV}}}\n  - {{name: r, type: relu}}\n  - {{type: add, from: [r, c]}}\n", set()),
        (f"  - {{name: c, {CONV}}}\n  - {{name: g, stages: [{{name: r, type: relu}}, {{{CONV}}}]}}\n", set()),
        (f"  - {{name: g, stages: [{{{CONV}}}]}}\n  - {{name: r, type: relu}}\n", {"r"}),
        (f"  - {{name: c, {CONV}}}\n  - {{name: r, type: relu}}\noutputs: {{a: c, b: r}}\n", set()),
    ],
)
def test_only_what_nobody_sees_is_written_over(stages: str, expected: set[str]) -> None:
    assert in_place(net_of(stages).graph) == expected


def modules_that_change_their_input(net: torch.nn.Module, x: torch.Tensor, scopes: set[str]) -> list[str]:
    changed: list[str] = []
    taken: dict[str, list[torch.Tensor]] = {}
    for path, module in net.named_modules():
        if path in scopes:
            module.register_forward_pre_hook(
                lambda _, args, path=path: taken.update({path: [one.clone() for one in args]})
            )
            module.register_forward_hook(
                lambda _, args, __, path=path: (
                    changed.append(path)
                    if not all(torch.equal(a, b) for a, b in zip(args, taken[path], strict=True))
                    else None
                )
            )
    with torch.no_grad():
        net(x)
    return changed


SPECS = ["resnet18", "densenet121", "googlenet", "mobilenet_v3_small", "shufflenet_v2_x1_0", "fashion_mnist/nin"]


@pytest.mark.parametrize("name", SPECS)
def test_no_stage_changes_what_it_is_given(name: str) -> None:
    spec = archc.load(name)
    scopes = {"", *(scope.path for scope in spec.graph.scopes)}
    rows = 224 if name == "fashion_mnist/nin" else 64
    x = torch.randn(2, spec.graph.input.channels, rows, rows)
    assert in_place(spec.graph)
    assert modules_that_change_their_input(spec.to_torch().eval(), x, scopes) == []


def test_that_check_sees_a_change() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 1), torch.nn.Sequential(torch.nn.ReLU(inplace=True)))
    assert modules_that_change_their_input(net, torch.randn(1, 4, 4, 4), {"1"}) == ["1"]


def out_of_place(net: torch.nn.Module) -> torch.nn.Module:
    """The same module, nothing written over."""
    other = deepcopy(net)
    for module in other.modules():
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            module.inplace = False
    return other


def losses_and_gradients(net: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    torch.manual_seed(1)
    given = net.train()(x)
    given = [given] if isinstance(given, torch.Tensor) else list(given)
    torch.stack([one.square().mean() for one in given]).sum().backward()
    return [*given, *(p.grad for p in net.parameters() if p.grad is not None)]


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "googlenet"])
def test_gradients_are_those_of_a_module_that_writes_over_nothing(name: str) -> None:
    spec = archc.load(name, num_classes=10)
    net = spec.to_torch()
    x = torch.randn(2, 3, 64, 64)
    both = losses_and_gradients(net, x), losses_and_gradients(out_of_place(net), x)
    assert all(torch.equal(a, b) for a, b in zip(*both, strict=True))


def test_gradients_of_random_networks_do_not_change() -> None:
    found = 0
    for seed in range(60):
        spec = load_with("-", [], json.dumps(random_spec(seed)).encode())
        if spec.check(warnings=False) or not in_place(spec.graph):
            continue
        found += 1
        type_ = spec.graph.input.type
        net = spec.to_torch()
        other = out_of_place(net)
        x = torch.randn(2, type_.channels, *type_.spatial)
        assert all(
            torch.equal(a, b) for a, b in zip(losses_and_gradients(net, x), losses_and_gradients(other, x), strict=True)
        ), seed
    assert found > 5
