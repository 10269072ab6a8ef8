"""A network that no process holds as a whole: FSDP2, PyTorch's `fully_shard` (Zhao et al., 2023).

Each process has its part of every tensor; those of a block are put together while the block is computed. What a
checkpoint holds is whole, whatever the number of processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

LARGE: Final = 2**20
"""Weights of a layer that is put together by itself."""
CONTAINERS: Final = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def shard(net: nn.Module, mesh: Any) -> None:
    """Share out the parameters of a network: block by block, large layers by themselves, then what is left."""
    for module in reversed(list(net.modules())):  # inner ones first: the outer one takes what they leave
        if module is net or isinstance(module, CONTAINERS):
            continue
        own = sum(parameter.numel() for parameter in module.parameters())
        if own and (own >= LARGE or any(True for _ in module.children())):
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
    fully_shard(net, mesh=mesh, reshard_after_forward=True)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """What this process has of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensors: Mapping[str, torch.Tensor], is_kept: bool) -> dict[str, torch.Tensor]:
    """The tensors put together, one after the other, on the CPU; none where they are not kept. All processes call it."""
    found = {}
    for name, tensor in tensors.items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if is_kept:
            found[name] = full.detach().cpu() if isinstance(tensor, DTensor) else full
    return found


def like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """A whole tensor, shared out as `other` is if that has its shape."""
    if not isinstance(other, DTensor) or tensor.shape != other.shape:
        return tensor
    there = tensor.to(other.device_mesh.device_type, other.dtype)
    return distribute_tensor(there, other.device_mesh, other.placements, src_data_rank=None)


def put(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """`load_state_dict` of whole tensors."""
    own = module.state_dict()
    module.load_state_dict({name: like(one, own[name]) if name in own else one for name, one in tensors.items()})
