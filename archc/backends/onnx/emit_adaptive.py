"""Emitters of adaptive pools.

Share i of `out` shares of an axis of size d is rows floor(i d / out) to ceil((i + 1) d / out), the last excluded
(aten/src/ATen/native/AdaptivePooling.h). The shares are gathered along each axis by a matrix of row numbers, one share
a row, filled up with the share's last row; then each row is reduced. Where d is free, the run computes the matrix.
"""

from __future__ import annotations

import numpy as np

from archc.backends.onnx.site import Site, emits
from archc.ir.ops import AdaptiveAvgPool, AdaptiveMaxPool, Sizes


@emits(AdaptiveAvgPool)
def adaptive_avg_pool(site: Site, op: AdaptiveAvgPool) -> None:
    """GlobalAveragePool, AveragePool or shares."""
    emit(site, op.output_size, "Average", "ReduceMean")


@emits(AdaptiveMaxPool)
def adaptive_max_pool(site: Site, op: AdaptiveMaxPool) -> None:
    """GlobalMaxPool, MaxPool or shares."""
    emit(site, op.output_size, "Max", "ReduceMax")


def emit(site: Site, output_size: Sizes, pool: str, reduction: str) -> None:
    """One ONNX pool if the shares have one size, else axis by axis."""
    sizes, free = site.type.spatial, site.free[0]
    if all(out == 1 for out in output_size):
        site.final(f"Global{pool}Pool", site.x)
        return
    if not any(free) and all(d is not None and d % out == 0 for d, out in zip(sizes, output_size, strict=True)):
        kernel = tuple((d or 0) // out for d, out in zip(sizes, output_size, strict=True))
        site.final(f"{pool}Pool", site.x, kernel_shape=kernel, strides=kernel)
        return
    # an axis that keeps its size needs nothing; one of them at least does not, or the sizes would divide
    rows = [
        (axis, size or 0, out, is_free)
        for axis, (size, out, is_free) in enumerate(zip(sizes, output_size, free, strict=True))
        if is_free or size != out
    ]
    x = site.x
    for axis, size, out, is_free in rows:
        last = axis == rows[-1][0]
        x = along(site, x, axis, None if is_free else size, out, reduction, last)


def along(site: Site, x: str, axis: int, size: int | None, out: int, reduction: str, last: bool) -> str:
    """`x` reduced to `out` shares along one spatial axis, whose `size` is None where free."""
    stem = f"axis{axis}"
    name = None if last else f"{stem}/reduce"
    if out == 1:
        return site.reduce(name, reduction, x, 2 + axis)
    mean = reduction != "ReduceMax"
    if size is not None:
        index, weights = fixed_shares(site, stem, size, out, mean)
    else:
        index, weights = free_shares(site, stem, axis, out, mean)
    shares = site.step(f"{stem}/shares", "Gather", x, index, axis=2 + axis)
    if not mean:
        return site.reduce(name, reduction, shares, 3 + axis, keepdims=0)
    after = site.type.rank - 1 - axis
    if after:
        shape = site.integers(f"{stem}/weights/shape", out, -1, *(1,) * after)
        weights = site.step(f"{stem}/weights/reshape", "Reshape", weights, shape)
    weighted = site.step(f"{stem}/weighted", "Mul", shares, weights)
    return site.reduce(name, "ReduceSum", weighted, 3 + axis, keepdims=0)


def fixed_shares(site: Site, stem: str, size: int, out: int, mean: bool) -> tuple[str, str]:
    """The matrices of row numbers and, for a mean, of weights as constants."""
    share = np.arange(out)[:, None]
    start, end = share * size // out, -(-(share + 1) * size // out)
    row = start + np.arange((end - start).max())
    rows = site.constant(f"{stem}/rows", np.minimum(row, end - 1))
    if not mean:
        return rows, ""
    weights = np.where(row < end, 1.0 / (end - start), 0.0).astype(np.float32)
    return rows, site.constant(f"{stem}/weights", weights)


def free_shares(site: Site, stem: str, axis: int, out: int, mean: bool) -> tuple[str, str]:
    """The same matrices as the run computes them from the size."""

    def step(suffix: str, kind: str, *inputs: str, **attributes: int) -> str:
        return site.step(f"{stem}/{suffix}", kind, *inputs, **attributes)

    share = np.arange(out, dtype=np.int64)[:, None]
    one, parts = site.whole(f"{stem}/one", 1), site.whole(f"{stem}/parts", out)
    here = site.whole(f"{stem}/axis", 2 + axis)
    size = step("size", "Gather", step("shape", "Shape", site.x), here, axis=0)
    start = step("start", "Div", step("starts", "Mul", site.constant(f"{stem}/share", share), size), parts)
    ends = step("ends", "Mul", site.constant(f"{stem}/next", share + 1), size)
    most = site.whole(f"{stem}/most", out - 1)
    end = step("end", "Div", step("ends/up", "Add", ends, most), parts)
    # no share is longer than ceil(size / out) + 1
    width = step("width", "Add", step("width/down", "Div", step("width/up", "Add", size, most), parts), one)
    offset = step("offset", "Range", site.whole(f"{stem}/zero", 0), width, one)
    row = step("row", "Add", start, offset)
    rows = step("rows", "Min", row, step("last", "Sub", end, one))
    if not mean:
        return rows, ""
    inside = step("inside", "Cast", step("less", "Less", row, end), to=site.builder.number_type)
    count = step("count", "Cast", step("length", "Sub", end, start), to=site.builder.number_type)
    return rows, step("weights", "Div", inside, count)
