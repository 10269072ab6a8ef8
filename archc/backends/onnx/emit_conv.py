"""Emitters of convolutions and the linear layer."""

from __future__ import annotations

from archc.backends.onnx.builder import Attribute
from archc.backends.onnx.emit_pool import pad_inputs
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
    """https://onnx.ai/onnx/operators/onnx__ConvTranspose.html.

    Output padding only moves the end of the output, so it is subtracted from the padding there. What the padding cannot
    give, rows that no element of the input reaches, ConvTranspose adds itself where it is less than the stride; else,
    and that only a dilated kernel allows, zeros are appended before the bias.
    """
    end = tuple(max(p - more, 0) for p, more in zip(op.padding, op.output_padding, strict=True))
    rest = tuple(max(more - p, 0) for p, more in zip(op.padding, op.output_padding, strict=True))
    appended = any(more >= stride for more, stride in zip(rest, op.stride, strict=True))
    weight, *bias = site.tensors.values()
    inputs = (site.x, weight) if appended else (site.x, weight, *bias)
    attributes: dict[str, Attribute] = {
        "kernel_shape": op.kernel_size,
        "strides": op.stride,
        "pads": (*op.padding, *end),
        "dilations": op.dilation,
        "group": op.groups,
    }
    if not appended:
        site.final("ConvTranspose", *inputs, output_padding=rest, **attributes)
        return
    x = site.step("conv", "ConvTranspose", *inputs, **attributes)
    more = pad_inputs(site, (0,) * len(rest), rest, site.number("value", 0.0))
    if not bias:
        site.final("Pad", x, *more, mode="constant")
        return
    ones = (1,) * (site.type.rank)
    shift = site.step("bias", "Reshape", bias[0], site.integers("bias/shape", 1, op.out_channels, *ones))
    site.final("Add", site.step("pad", "Pad", x, *more, mode="constant"), shift)


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
