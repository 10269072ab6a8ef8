"""Emitters of convolutions and the linear layer."""

from __future__ import annotations

from archc.backends.onnx.site import Site, emits
from archc.ir.ops import Conv, ConvTranspose, Linear


@emits(Conv)
def conv(site: Site, op: Conv) -> None:
    """https://onnx.ai/onnx/operators/onnx__Conv.html."""
    site.final(
        "Conv",
        site.x,
        *site.tensors.values(),
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        dilations=op.dilation,
        group=op.groups,
    )


@emits(ConvTranspose)
def conv_transpose(site: Site, op: ConvTranspose) -> None:
    """https://onnx.ai/onnx/operators/onnx__ConvTranspose.html."""
    site.final(
        "ConvTranspose",
        site.x,
        *site.tensors.values(),
        kernel_shape=op.kernel_size,
        strides=op.stride,
        pads=(*op.padding, *op.padding),
        output_padding=op.output_padding,
        dilations=op.dilation,
        group=op.groups,
    )


@emits(Linear)
def linear(site: Site, op: Linear) -> None:
    """Gemm on features; it takes matrices only, so on channels-last it is MatMul and Add."""
    if site.type.rank == 0:
        site.final("Gemm", site.x, *site.tensors.values(), transB=1)
        return
    weight = site.step("transpose", "Transpose", site.tensors["weight"], perm=(1, 0))
    if op.bias:
        site.final("Add", site.step("matmul", "MatMul", site.x, weight), site.tensors["bias"])
    else:
        site.final("MatMul", site.x, weight)
