"""How far rounding may move each value of a network: measured in float64, not assumed.

The module runs in float64, once as it is and a few times with the output of every layer off by what float32 rounds
away: a random share of `ROUNDING` of its largest element. Its run in float32 is one more of these. How far a value moves
is its conditioning; where it moves by more than the bound allows, as behind a tanh of a product of large maps of which
some elements are near 0, no two programs in float32 need agree to the bound, however right they are.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from archc.ir.graph import Graph
from archc.ir.ops import GroupNorm
from archc.verify import ABSOLUTE, RELATIVE, record

ROUNDING = 2.0**-24
"""What a layer's output is off by at least, as a share of its largest element: one rounding of that."""

DRAWS = 8
MARGIN = 2.0
"""Two programs differ by what one is off and by what the other is."""


def moved(graph: Graph, net: nn.Module, x: Any) -> dict[int, float]:
    """By how much of its bound each value moves at most."""
    wide, wide_x = copy.deepcopy(net).double(), x.astype(np.float64)
    exact = record(graph, wide, wide_x)
    draw = torch.Generator().manual_seed(0)

    def disturb(module: nn.Module, args: Any, result: Any) -> Any:
        if not isinstance(result, torch.Tensor):
            return result
        if isinstance(module, nn.LocalResponseNorm):
            result = with_running_sums(module, args[0], draw)
        return result + ROUNDING * result.abs().max() * uniform(result, draw)

    runs = [record(graph, net, x)]
    modules = dict(wide.named_modules())
    for node in graph.nodes:
        if node.path in modules:
            modules[node.path].register_forward_hook(disturb)
    runs += [record(graph, wide, wide_x) for _ in range(DRAWS)]
    return {value: max(_apart(run[value], tensor) for run in runs) for value, tensor in exact.items()}


def with_running_sums(norm: nn.LocalResponseNorm, x: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """A local response norm whose windows are sums that go from channel to channel, one square added, one taken away.

    So onnxruntime does it: what the largest square so far was rounded by stays in the windows behind it. Among values
    beyond some thousands that outweighs the windows of small ones, and beyond some hundred thousands it can make their
    sums negative, which have no power.
    """
    squares = functional.pad(x.square().movedim(1, -1), (norm.size // 2, (norm.size - 1) // 2))
    windows = squares.unfold(-1, norm.size, 1).sum(-1).movedim(-1, 1)
    lost = ROUNDING * windows.cummax(1).values * uniform(x, draw)
    return x / (norm.k + norm.alpha / norm.size * (windows + lost)) ** norm.beta


def uniform(like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Numbers from -1 to 1 in a tensor's shape."""
    return 2 * torch.rand(like.shape, generator=draw, dtype=like.dtype) - 1


def _apart(a: Any, exact: Any) -> float:
    """The largest difference as a share of the bound: infinite where float64, or rounding alone, gives no finite number.

    Of a maximum over padding alone, -inf in torch, onnxruntime makes the lowest float.
    """
    if not np.isfinite(exact).all():
        return float("inf")
    same = a == exact  # equal infinities are equal
    bound = ABSOLUTE + RELATIVE * float(np.abs(exact).max(initial=0.0, where=np.isfinite(exact)))
    with np.errstate(invalid="ignore"):
        apart = float(np.where(same, 0.0, np.abs(a - exact)).max(initial=0.0)) / bound
    return apart if np.isfinite(apart) else float("inf")


def scales(graph: Graph, net: nn.Module, xs: list[Any]) -> dict[str, float]:
    """By what the bound of each stage and output is multiplied, for these inputs: by 1, unless rounding may pass it."""
    shares = [moved(graph, net, x) for x in xs]
    found = {value: max(1.0, *(MARGIN * one[value] for one in shares)) for value in shares[0]}
    places = {node.path: node.output for node in graph.nodes} | {scope.path: scope.output for scope in graph.scopes}
    places |= {output.name: output.value for output in graph.live_outputs if output.name not in places}
    return {path: found[value] for path, value in places.items() if value in found}


def has_group_norm_of_one_number(graph: Graph) -> bool:
    """Whether a group norm gives its bias, whatever arrives.

    onnxruntime multiplies the number by 1/sqrt(eps) before it takes as much away: that it is exact is no part of ONNX.
    """
    pairs = ((node.op, graph.types[node.inputs[0]].size) for node in graph.nodes)
    return any(isinstance(op, GroupNorm) and size == op.num_groups for op, size in pairs)
