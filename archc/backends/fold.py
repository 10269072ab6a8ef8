"""The tensors of a folded graph, computed from those of the graph that was folded, each when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archc.ir.graph import Graph, Node
from archc.ir.ops import BatchNorm, ConvTranspose
from archc.ir.passes.fold import Chain, chains

Array = NDArray[Any]


@dataclass(frozen=True)
class FoldedState(Mapping[str, Array]):
    """A state with weights and biases that do the work of what was folded into them, in float64 until they are done."""

    state: Mapping[str, Array]
    chains: Mapping[str, Chain]
    """By the path of the layer."""

    @classmethod
    def of(cls, graph: Graph, state: Mapping[str, Array]) -> FoldedState:
        """The state of `fold(graph)`, from that of `graph`."""
        return cls(state, {chain.layer.path: chain for chain in chains(graph)})

    def __getitem__(self, key: str) -> Array:
        path, _, name = key.rpartition(".")
        chain = self.chains.get(path)
        if chain is None or name not in ("weight", "bias"):
            return self.state[key]
        scale, shift = self._affine(chain)
        if name == "bias":
            old = self.state[key] if key in self.state else np.zeros(len(scale))
            return np.asarray(old * scale + shift, np.float32)
        weight = self.state[key]
        op = chain.layer.op
        if isinstance(op, ConvTranspose):  # (in, out / groups, *kernel), the inputs of a group together
            parts = weight.reshape(op.groups, -1, *weight.shape[1:])
            factors = scale.reshape(op.groups, 1, -1, *(1,) * (weight.ndim - 2))
            return np.asarray(parts * factors, np.float32).reshape(weight.shape)
        return np.asarray(weight * scale.reshape(-1, *(1,) * (weight.ndim - 1)), np.float32)

    def _affine(self, chain: Chain) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The factor and the shift of each channel that the followers have together."""
        scale, shift = np.ones(1), np.zeros(1)
        for node in chain.followers:
            factor, more = affine(node, self.state)
            scale, shift = scale * factor, shift * factor + more
        return scale, shift

    def __iter__(self) -> Iterator[str]:
        biases = [f"{path}.bias" for path in self.chains if f"{path}.bias" not in self.state]
        return iter([*self.state, *biases])

    def __contains__(self, key: object) -> bool:
        return key in self.state or (isinstance(key, str) and key.endswith(".bias") and key[:-5] in self.chains)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def affine(node: Node, state: Mapping[str, Array]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The factor and the shift of each channel that a batch norm (in inference) or a scale applies."""
    if not isinstance(node.op, BatchNorm):
        factor = np.asarray(state[node.path], np.float64).reshape(-1)
        return factor, np.zeros_like(factor)
    mean, var = (np.asarray(state[f"{node.path}.{name}"], np.float64) for name in ("running_mean", "running_var"))
    with np.errstate(invalid="ignore"):  # of a variance below zero torch makes NaN too
        factor, shift = 1.0 / np.sqrt(var + node.op.eps), np.zeros_like(mean)
    if node.op.affine:
        factor = factor * state[f"{node.path}.weight"]
        shift = np.asarray(state[f"{node.path}.bias"], np.float64)
    return factor, shift - mean * factor
