"""PyTorch's own kernels as the reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_kernels() -> Iterator[None]:
    """One thread, and no oneDNN, which ends the process for a few convolutions that read little but padding (torch 2.14)."""
    torch.set_num_threads(1)
    # `mkldnn.flags` would also restore what warns without a GPU of Intel's.
    enabled, *_ = torch.backends.mkldnn.set_flags(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(enabled)
