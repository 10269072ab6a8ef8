"""Average pooling as a product of matrices, where windows lie side by side: on CPUs torch's kernel takes several times as long."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import nn

MOST_TERMS: Final = 224
"""Of a sum, as many as the rows of a window have columns: MKL breaks longer ones into parts."""
AREAS: Final = (2, 4, 8, 16)
"""Of a window: the powers of two whose sums MKL adds in the order of torch's kernel."""


class TiledAvgPool2d(nn.AvgPool2d):
    """`nn.AvgPool2d` whose windows tile the input: (N, C, H, W) to (N, C, H / k, W / k).

    The rows of a window follow each other in memory, so that k rows of the input are one row of a matrix, of which one
    of constants makes a row of the output. These are 1 / k², a power of two, by which nothing is rounded, and a product
    that adds in order comes to the kernel's bits; but for an infinity, beside which its row is NaN. What does not lie
    so goes to torch's kernel, and so does float32 where autocast would make it bfloat16.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean of each window."""
        rows, columns = _pair(self.kernel_size)
        n, c, h, w = x.shape
        fits = h % rows == 0 and w % columns == 0 and rows * w <= MOST_TERMS
        is_matrix = n * c * h >= 2 * rows and w >= 2 * columns  # of one row or column the product adds otherwise
        if not (fits and is_matrix and x.device.type == "cpu" and x.is_contiguous() and _is_kept(x.dtype)):
            return super().forward(x)
        means = x.view(n * c * h // rows, rows * w) @ _weights(rows, columns, w, x.dtype)
        return means.view(n, c, h // rows, w // columns)


def _is_kept(dtype: torch.dtype) -> bool:
    """Whether a product is computed in the numbers that it is given."""
    return dtype == torch.bfloat16 or (dtype == torch.float32 and not torch.is_autocast_enabled("cpu"))


def tile_pools(net: nn.Module) -> int:
    """Make each `AvgPool2d` of `net` that a `TiledAvgPool2d` serves one; how many there were."""
    pools = [module for module in net.modules() if type(module) is nn.AvgPool2d and _tiles(module)]
    for pool in pools:
        pool.__class__ = TiledAvgPool2d
    return len(pools)


def _tiles(pool: nn.AvgPool2d) -> bool:
    size = _pair(pool.kernel_size)
    is_plain = _pair(pool.padding) == (0, 0) and not pool.ceil_mode and pool.divisor_override is None
    return is_plain and _pair(pool.stride) == size and size[0] * size[1] in AREAS


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


@lru_cache(maxsize=32)
def _weights(rows: int, columns: int, width: int, dtype: torch.dtype) -> torch.Tensor:
    """(rows * width, width / columns): what each number of some rows adds to each mean."""
    means = torch.eye(width // columns).repeat_interleave(columns, 0).repeat(rows, 1)
    return (means / (rows * columns)).to(dtype)
