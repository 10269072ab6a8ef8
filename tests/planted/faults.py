"""The list: what is changed where, and the least network on which it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.verdict.net import Net, Stage

ONNX = "archc.backends.onnx"
OPS = "archc.ir.ops"
PYTHON = "archc.backends.python"


@dataclass(frozen=True)
class Fault:
    """In the text of `function` of `module`, `old` becomes `new`."""

    name: str
    module: str
    function: str
    old: str
    new: str
    net: Net

    @property
    def suite(self) -> tuple[str, ...]:
        """The test files that are about that module."""
        if self.module.startswith(ONNX) or self.module == "archc.backends.fold":
            return ("tests/test_backend_onnx.py", "tests/test_deployment.py")
        if self.module.startswith(PYTHON):
            return ("tests/test_backend_python.py", "tests/test_targets.py")
        return ("tests/test_shapes.py", "tests/test_budget.py", "tests/test_specs.py")


def picture(*stages: tuple[str, dict[str, Any]], channels: int = 4, sizes: tuple[int, ...] = (7, 9)) -> Net:
    """A network of stages in a row, on a picture."""
    return Net(channels, sizes, tuple(Stage(f"s{at}", kind, attrs) for at, (kind, attrs) in enumerate(stages)))


def of(module: str, function: str, old: str, new: str, name: str, net: Net) -> Fault:
    return Fault(name, module, function, old, new, net)


LAST = ("channels_last", {})
CONV = ("conv", {"out_channels": 4, "kernel_size": 3, "padding": 1, "stride": 2, "groups": 2})
POOL = ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False})
CEIL = ("max_pool", {"kernel_size": 2, "stride": 2, "ceil_mode": True})
TRANSPOSED = ("conv_transpose", {"out_channels": 2, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1})
FORK = Net(
    3,
    (6,),
    (
        Stage("a", "conv", {"out_channels": 2, "kernel_size": 1}),
        Stage("b", "conv", {"out_channels": 2, "kernel_size": 1}, ("input",)),
        Stage("j", "concat", {}, ("a", "b")),
    ),
)
FORK_LAST = Net(
    2,
    (5, 4),
    (
        Stage("last", "channels_last"),
        Stage("a", "linear", {"out_features": 4}),
        Stage("j", "concat", {}, ("last", "a")),
    ),
)

FAULTS = (
    # -- ONNX: constants of ops -----------------------------------------------------------------------------------------
    of(f"{ONNX}.emit_norm", "batch_norm", "epsilon=op.eps", "epsilon=1e-5", "eps of batch norm", picture(("batch_norm", {"eps": 1.1e-5}))),
    of(f"{ONNX}.emit_norm", "layer_norm", "*parameters, axis=-1, epsilon=op.eps)\n    site", "*parameters, axis=-1, epsilon=1e-5)\n    site", "eps of layer norm", picture(("layer_norm", {"eps": 1e-3}))),
    of(f"{ONNX}.emit_norm", "group_norm", "epsilon=op.eps", "epsilon=1e-5", "eps of group norm", picture(("group_norm", {"num_groups": 2, "eps": 1e-6}))),
    of(f"{ONNX}.emit_norm", "rms_norm", "op.eps", "0.0", "eps of rms norm", picture(("rms_norm", {}))),
    of(f"{ONNX}.emit_norm", "local_response_norm", "alpha=op.alpha, beta", "alpha=1e-4, beta", "alpha of local response norm", picture(("local_response_norm", {"size": 3, "alpha": 1.1e-4}))),
    of(f"{ONNX}.emit_norm", "local_response_norm", "pads=(op.size // 2, 0, (op.size - 1) // 2, 0)", "pads=((op.size - 1) // 2, 0, op.size // 2, 0)", "the side to which an even window leans", picture(("local_response_norm", {"size": 2, "alpha": 1.0}))),
    of(f"{ONNX}.emit_activation", "gelu", 'approximate=str(constants["approximate"])', 'approximate="tanh"', "GELU by tanh for erf", picture(("gelu", {}))),
    of(f"{ONNX}.emit_activation", "activation", "{**FUNCTIONS[op.function], **op.constants}", "{**op.constants, **FUNCTIONS[op.function]}", "the slope of leaky ReLU", picture(("leaky_relu", {"negative_slope": 0.02}))),
    of(f"{ONNX}.emit_activation", "hardtanh", 'site.number("max", constants["max_val"])', 'site.number("max", 1.0)', "the upper bound of hardtanh", picture(("hardtanh", {"max_val": 2.0}))),
    of(f"{ONNX}.emit_activation", "softplus", 'site.step("scale", "Mul", site.x, factor)', "site.x", "beta of softplus", picture(("softplus", {"beta": 2.0}))),
    of(f"{ONNX}.emit_activation", "softmax", "axis=site.type.channel_axis", "axis=1", "the axis of soft-max", picture(LAST, ("softmax", {}))),
    # -- ONNX: convolutions and pools -----------------------------------------------------------------------------------
    of(f"{ONNX}.emit_conv", "conv", "group=op.groups", "group=1", "lost groups", picture(CONV)),
    of(f"{ONNX}.emit_conv", "conv", "*site.tensors.values()", 'site.tensors["weight"]', "a bias dropped", picture(CONV)),
    of(f"{ONNX}.emit_conv", "conv", "strides=op.stride", "strides=op.stride[::-1]", "strides in the order of columns", picture(("conv", {"out_channels": 2, "kernel_size": 1, "stride": (1, 2)}))),
    of(f"{ONNX}.emit_conv", "conv_transpose", "max(p - more, 0)", "max(p, 0)", "output padding forgotten", picture(TRANSPOSED)),
    of(f"{ONNX}.emit_pool", "avg_pool", "count_include_pad=int(count)", "count_include_pad=1", "count_include_pad", picture(POOL)),
    of(f"{ONNX}.emit_pool", "max_pool", "dilations=op.dilation", "dilations=(1,) * site.type.rank", "dilation of a pool lost", picture(("max_pool", {"kernel_size": 2, "dilation": 2}))),
    of(f"{ONNX}.emit_pool", "end_padding", "if not ceil_mode:", "if True:", "ceil mode lost", picture(CEIL)),
    of(f"{ONNX}.emit_adaptive", "fixed_shares", "-(-(share + 1) * size // out)", "(share + 1) * size // out", "shares rounded down at both ends", picture(("adaptive_avg_pool", {"output_size": 5}))),
    # -- ONNX: merges and layouts ---------------------------------------------------------------------------------------
    of(f"{ONNX}.emit_layout", "concat", "*site.inputs", "*site.inputs[::-1]", "swapped branches", FORK),
    of(f"{ONNX}.emit_layout", "concat", "axis=site.type.channel_axis", "axis=1", "the axis of a concat", FORK_LAST),
    of(f"{ONNX}.emit_layout", "chunk", "op.index * size)", "0)", "the wrong chunk", picture(("chunk", {"chunks": 2, "index": 1}))),
    of(f"{ONNX}.emit_layout", "upsample", '"half_pixel"', '"align_corners"', "aligned corners", picture(("upsample", {"scale_factor": 2, "mode": "linear"}))),
    of(f"{ONNX}.emit_layout", "upsample", 'nearest_mode="floor"', 'nearest_mode="ceil"', "nearest rounded up", picture(("upsample", {"scale_factor": 2}))),
    of(f"{ONNX}.emit_layout", "pixel_shuffle", "CRD", "DCR", "the order of pixel shuffle", picture(("pixel_shuffle", {"upscale_factor": 2}), channels=8)),
    of(f"{ONNX}.emit_layout", "channel_shuffle", "reshape(op.groups, -1)", "reshape(-1, op.groups)", "the order of channel shuffle", picture(("channel_shuffle", {"groups": 3}), channels=6)),
    of(f"{ONNX}.emit_pool", "pad_inputs", "*before, 0, 0, *after)", "*after, 0, 0, *before)", "padding on the other side", picture(("pad", {"padding": (1, 0, 2, 0)}))),
    of("archc.backends.fold", "affine", "shift - mean * factor", "shift + mean * factor", "the shift of a folded norm", picture(CONV, ("batch_norm", {}))),
    # -- shape rules, parameters and costs ------------------------------------------------------------------------------
    of(f"{OPS}.sizes", "pool_size", "-(-(size + 2 * padding - window(kernel, dilation)) // stride)", "(size + 2 * padding - window(kernel, dilation)) // stride", "floor for ceil", picture(CEIL)),
    of(f"{OPS}.sizes", "pool_size", "(out - 1) * stride >= size + padding", "False", "a window that starts beyond the input", picture(("max_pool", {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True}), sizes=(5, 5))),
    of(f"{OPS}.sizes", "conv_size", "window(kernel, dilation)) // stride", "kernel) // stride", "dilation of a convolution lost", picture(("conv", {"out_channels": 2, "kernel_size": 2, "dilation": 2}))),
    of(f"{OPS}.sizes", "conv_transpose_size", " + output_padding", "", "output padding lost", picture(TRANSPOSED)),
    of(f"{OPS}.merge", "Concat.infer", "sum(channels)", "max(channels)", "the width of a concat", FORK),
    of(f"{OPS}.layout", "Flatten.infer", "inputs[0].dims", "inputs[0].spatial", "channels lost by flatten", picture(("flatten", {}))),
    of(f"{OPS}.layout", "Pad.infer", "before + after", "2 * before", "padding of one side only", picture(("pad", {"padding": (1, 0, 2, 0)}))),
    of(f"{OPS}.conv", "Conv.macs", " // self.groups", "", "MACs of a grouped convolution", picture(CONV)),
    of(f"{OPS}.conv", "ConvTranspose.macs", "inputs[0].size", "output.size", "MACs of a transposed convolution", picture(TRANSPOSED)),
    of(f"{OPS}.norm", "affine_pair", "if not affine:", "if False:", "parameters of a norm without any", picture(("batch_norm", {"affine": False}))),
    # -- the generated Python -------------------------------------------------------------------------------------------
    of(f"{PYTHON}.written", "_conv", "op.padding, 0", "(0,) * len(op.padding), 0", "padding lost in Python", picture(CONV)),
    of(f"{PYTHON}.written", "_batch_norm", "op.momentum", "0.1", "momentum lost in Python", picture(("batch_norm", {"momentum": 0.01}))),
    of(f"{PYTHON}.written", "_avg_pool", "op.count_include_pad", "True", "count_include_pad lost in Python", picture(POOL)),
    of(f"{PYTHON}.written", "_pad", "reversed(pairs)", "pairs", "padding of other axes in Python", picture(("pad", {"padding": (1, 0, 2, 0)}))),
    of(f"{PYTHON}.written", "_upsample", 'linear if op.mode == "linear" else "nearest"', '"nearest"', "the mode of upsampling in Python", picture(("upsample", {"scale_factor": 2, "mode": "linear"}))),
)  # fmt: skip
"""Each fault once; every one of them has a network on which `tests.random_networks.judge` sees it."""
