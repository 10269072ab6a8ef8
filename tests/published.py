"""torchvision's own networks, built without memory for their weights; those come from ours or from the oracle's rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

UNDRAWN = ("googlenet", "inception_v3")
"""Builders whose initialisation has to be switched off by hand."""


def published(name: str, **options: Any) -> Any:
    """The module that torchvision's builder of that name makes, auxiliary heads included, on the meta device."""
    torch = pytest.importorskip("torch", reason="torchvision's modules are torch's")
    models = pytest.importorskip("torchvision.models", reason="the published networks are compared live")
    if name in UNDRAWN:
        options = {"init_weights": False, "aux_logits": True, **options}
    with _regnet_reckons_on_the_cpu(), torch.device("meta"):
        return models.get_model(name, weights=None, **options)


@contextmanager
def _regnet_reckons_on_the_cpu() -> Iterator[None]:
    """RegNet's widths are computed with tensors, which have no values on the meta device."""
    import torch
    from torchvision.models.regnet import BlockParams

    reckon = BlockParams.from_init_params.__func__

    def on_the_cpu(cls: Any, **constants: Any) -> Any:
        with torch.device("cpu"):
            return reckon(cls, **constants)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BlockParams, "from_init_params", classmethod(on_the_cpu))
        yield


def silence(*nets: Any) -> None:
    """Nothing is dropped at random in training."""
    import torch

    for net in nets:
        for module in net.modules():
            if isinstance(module, torch.nn.Dropout) or type(module).__name__ == "StochasticDepth":
                module.p = 0.0
