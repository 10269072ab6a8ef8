"""Size arithmetic along one axis, as PyTorch computes it, on sizes that may be unknown."""

from __future__ import annotations

from archc.ir.types import Dim


def window(kernel: int, dilation: int) -> int:
    """Rows that a dilated kernel spans."""
    return dilation * (kernel - 1) + 1


def conv_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
    """Rows out of a convolution (torch.nn.Conv2d's formula); None where unknown or where the kernel does not fit."""
    if size is None or size + 2 * padding < window(kernel, dilation):
        return None
    return (size + 2 * padding - window(kernel, dilation)) // stride + 1


def pool_size(size: Dim, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Dim:
    """Rows out of a pool; in ceil mode a last window that would start beyond the input and its left padding is dropped."""
    if size is None or not ceil_mode:
        return conv_size(size, kernel, stride, padding, dilation)
    out = -(-(size + 2 * padding - window(kernel, dilation)) // stride) + 1
    if (out - 1) * stride >= size + padding:
        out -= 1
    return out if out > 0 else None


def conv_transpose_size(size: Dim, kernel: int, stride: int, padding: int, output_padding: int, dilation: int) -> Dim:
    """Rows out of a transposed convolution (torch.nn.ConvTranspose2d's formula)."""
    if size is None:
        return None
    out = (size - 1) * stride - 2 * padding + window(kernel, dilation) + output_padding
    return out if out > 0 else None


def times(size: Dim, factor: int) -> Dim:
    """`size * factor`, unknown if `size` is."""
    return None if size is None else size * factor


def product(sizes: tuple[Dim, ...]) -> Dim:
    """The product, unknown if one of `sizes` is."""
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return total
