"""Emitters of element-wise functions and soft-max."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import Final

from archc.backends.onnx.builder import Attribute
from archc.backends.onnx.site import Site, emits
from archc.ir.ops import FUNCTIONS, Activation, PReLU, Softmax

Constants = Mapping[str, float | str]
Function = Callable[[Site, Constants], None]


def native(kind: str, **attributes: Attribute) -> Function:
    """A function that ONNX has, with attributes that never change."""
    return lambda site, constants: site.final(kind, site.x, **attributes)


def with_slope(kind: str, constant: str) -> Function:
    """A function that ONNX has, whose one attribute it calls alpha."""
    return lambda site, constants: site.final(kind, site.x, alpha=float(constants[constant]))


def relu6(site: Site, constants: Constants) -> None:
    """min(max(x, 0), 6)."""
    site.final("Clip", site.x, site.number("min", 0.0), site.number("max", 6.0))


def hardtanh(site: Site, constants: Constants) -> None:
    """min(max(x, min_val), max_val)."""
    low, high = site.number("min", constants["min_val"]), site.number("max", constants["max_val"])
    site.final("Clip", site.x, low, high)


def silu(site: Site, constants: Constants) -> None:
    """X sigmoid(x)."""
    site.final("Mul", site.x, site.step("sigmoid", "Sigmoid", site.x))


def mish(site: Site, constants: Constants) -> None:
    """X tanh(log(1 + exp(x))); Mish came with opset 18."""
    if site.opset >= 18:
        site.final("Mish", site.x)
        return
    site.final("Mul", site.x, site.step("tanh", "Tanh", site.step("softplus", "Softplus", site.x)))


def hardswish(site: Site, constants: Constants) -> None:
    """X max(0, min(1, x / 6 + 1 / 2)); HardSwish came with opset 14."""
    if site.opset >= 14:
        site.final("HardSwish", site.x)
        return
    site.final("Mul", site.x, site.step("hardsigmoid", "HardSigmoid", site.x, alpha=1.0 / 6.0, beta=0.5))


def softplus(site: Site, constants: Constants) -> None:
    """log(1 + exp(beta x)) / beta; from 20 on PyTorch gives x itself, which is the same in float32."""
    beta = float(constants["beta"])
    if beta == 1.0:
        site.final("Softplus", site.x)
        return
    factor = site.number("beta", beta)
    site.final("Div", site.step("softplus", "Softplus", site.step("scale", "Mul", site.x, factor)), factor)


def gelu(site: Site, constants: Constants) -> None:
    """X Φ(x), or its approximation by tanh; Gelu came with opset 20."""
    if site.opset >= 20:
        site.final("Gelu", site.x, approximate=str(constants["approximate"]))
        return
    half, one = site.number("half", 0.5), site.number("one", 1.0)
    if constants["approximate"] == "none":
        inner = site.step("erf", "Erf", site.step("scale", "Mul", site.x, site.number("factor", sqrt(0.5))))
    else:
        cube = site.step("cube", "Mul", site.step("square", "Mul", site.x, site.x), site.x)
        bent = site.step("bend", "Mul", cube, site.number("bend/factor", 0.044715))
        total = site.step("sum", "Add", site.x, bent)
        inner = site.step("tanh", "Tanh", site.step("scale", "Mul", total, site.number("factor", sqrt(2.0 / pi))))
    gate = site.step("gate", "Mul", site.step("gate/sum", "Add", inner, one), half)
    site.final("Mul", site.x, gate)


TABLE: Final[Mapping[str, Function]] = {
    "celu": with_slope("Celu", "alpha"),
    "elu": with_slope("Elu", "alpha"),
    "gelu": gelu,
    "hardsigmoid": native("HardSigmoid", alpha=1.0 / 6.0, beta=0.5),
    "hardswish": hardswish,
    "hardtanh": hardtanh,
    "leaky_relu": with_slope("LeakyRelu", "negative_slope"),
    "mish": mish,
    "relu": native("Relu"),
    "relu6": relu6,
    "selu": native("Selu"),
    "sigmoid": native("Sigmoid"),
    "silu": silu,
    "softplus": softplus,
    "softsign": native("Softsign"),
    "tanh": native("Tanh"),
}
"""How each of FUNCTIONS is said in ONNX."""


@emits(Activation)
def activation(site: Site, op: Activation) -> None:
    """By the table, constants that are not given being PyTorch's."""
    TABLE[op.function](site, {**FUNCTIONS[op.function], **op.constants})


@emits(PReLU)
def prelu(site: Site, op: PReLU) -> None:
    """https://onnx.ai/onnx/operators/onnx__PRelu.html; one slope broadcasts by itself."""
    slope = site.tensors["weight"] if op.num_parameters == 1 else site.per_channel("weight")
    site.final("PRelu", site.x, slope)


@emits(Softmax)
def softmax(site: Site, op: Softmax) -> None:
    """https://onnx.ai/onnx/operators/onnx__Softmax.html."""
    site.final("LogSoftmax" if op.log else "Softmax", site.x, axis=site.type.channel_axis)
