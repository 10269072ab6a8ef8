"""Every shipped spec but torchvision's through every target: the same numbers at every stage."""

from __future__ import annotations

import numpy as np
import pytest

import archc
from archc.ir import ops
from archc.spec.load import shipped_specs

torch = pytest.importorskip("torch", reason="the torch target needs torch")
onnxruntime = pytest.importorskip("onnxruntime", reason="running ONNX needs onnxruntime")

from archc.backends.onnx import DEFAULT_OPSET  # noqa: E402
from archc.verify import probe_state, record, verify  # noqa: E402

NAMES = [name for name in shipped_specs() if not name.startswith(("imagenet/", "families/"))]
"""Those of torchvision are compared in test_zoo.py; each family file is one of its networks."""


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
