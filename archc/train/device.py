"""Where to compute."""

from __future__ import annotations

import torch

from archc.train.faults import fault
from archc.train.settings import Settings


def check_device(device: str, settings: Settings | None = None) -> None:
    """Refuse a device that is not there, or that cannot compute what the settings ask for. Raises SpecError."""
    there = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there[device]:
        help = "use `--device cpu`, or `auto` for the best that there is"
        raise fault("A0808", f"this machine has no device `{device}`", "--device", help)
    if settings is None or settings.precision != "float16":
        return
    where = settings.spans.get("precision", "--device")
    if settings.strategy == "fsdp":
        help = "use `bfloat16`, or `strategy: ddp`"
        raise fault("A0808", "`float16` does not go with `fsdp`: losses are not scaled there", where, help)
    if is_cpu(device):
        raise fault("A0808", "`float16` needs a GPU", where, "use `bfloat16`, or `float32`")


def is_cpu(device: str) -> bool:
    """Whether a choice of the command line comes to the CPU."""
    return device == "cpu" or (
        device == "auto" and not (torch.cuda.is_available() or torch.backends.mps.is_available())
    )
