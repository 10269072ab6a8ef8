"""The eager form of the composite blocks, written by hand after the papers and torchvision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from torch import Tensor, nn

from .modules import ACTIVATIONS, Attrs, Cat, DropBranch, OnChannels, Plus, Refused, Shape, Times


def act(what: Any, default: str | None = "relu") -> nn.Module:
    """An activation: its name, its name with constants, or none."""
    what = default if what is None else what
    if what is None or what == "none":
        return nn.Identity()
    if isinstance(what, dict):
        return ACTIVATIONS[what["type"]](**{key: value for key, value in what.items() if key != "type"})
    if what not in ACTIVATIONS:
        raise Refused(f"no activation {what}")
    return ACTIVATIONS[what]()


class Parts:
    """The modules of torch.nn for one rank, by short names."""

    def __init__(self, rank: int) -> None:
        self.rank = rank

    def conv(self, c_in: int, c_out: int, kernel: Any, **more: Any) -> nn.Module:
        return getattr(nn, f"Conv{self.rank}d")(c_in, c_out, kernel, **more)

    def bn(self, channels: int) -> nn.Module:
        return getattr(nn, f"BatchNorm{self.rank}d")(channels)

    def norm(self, what: Any, channels: int) -> nn.Module:
        """A normalisation: its name, its name with fields, or none."""
        if what == "none":
            return nn.Identity()
        fields = dict(what) if isinstance(what, dict) else {"type": what}
        kind = fields.pop("type")
        if kind == "batch_norm":
            return getattr(nn, f"BatchNorm{self.rank}d")(channels, **fields)
        if kind == "layer_norm":
            return OnChannels(nn.LayerNorm(channels, **fields))
        if kind == "group_norm":
            return nn.GroupNorm(num_channels=channels, **fields)
        raise Refused(f"no norm {kind}")

    def each(self, function: Callable[..., Any], *sizes: Any) -> Any:
        """A function of sizes: of ints, or of each axis where one is a tuple."""
        if not any(isinstance(size, tuple) for size in sizes):
            return function(*sizes)
        rows = [size if isinstance(size, tuple) else (size,) * self.rank for size in sizes]
        return tuple(function(*row) for row in zip(*rows, strict=True))

    def cna(self, c_in: int, c_out: int, kernel: Any = 3, **more: Any) -> nn.Sequential:
        """Convolution, normalisation, activation; the padding keeps the size where the stride is 1."""
        norm, what = more.pop("norm", "batch_norm"), more.pop("act", "relu")
        dilation = more.get("dilation", 1)
        same = self.each(lambda k, d: (k - 1) // 2 * d, kernel, dilation)
        more = {"padding": same, "bias": norm == "none", **more}
        return nn.Sequential(self.conv(c_in, c_out, kernel, **more), self.norm(norm, c_out), act(what))


def is_one(stride: Any) -> bool:
    return set(stride) == {1} if isinstance(stride, tuple) else stride == 1


class Shortcut(nn.Module):
    """act(body(x) + shortcut(x)), the shortcut a strided 1×1 convolution or nothing."""

    def __init__(self, p: Parts, body: nn.Module, c_in: int, c_out: int, stride: Any, a: Attrs) -> None:
        super().__init__()
        kind = a.get("shortcut", "auto")
        if kind not in ("auto", "identity", "projection"):
            raise Refused(f"no shortcut {kind}")
        changes = not is_one(stride) or c_in != c_out
        self.body, self.downsample = body, nn.Identity()
        if kind == "projection" or (kind == "auto" and changes):
            bias = bool(a.get("bias", False))
            conv = p.conv(c_in, c_out, 1, stride=stride, bias=bias)
            self.downsample = nn.Sequential(conv, p.norm(a.get("shortcut_norm", "batch_norm"), c_out))
        self.plus, self.act = Plus(), act(a.get("act"))

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.plus(self.body(x), self.downsample(x)))


def residual(a: Attrs, c: int, p: Parts) -> nn.Module:
    out, stride, bias = a["out_channels"], a.get("stride", 1), bool(a.get("bias", False))
    first = [p.conv(c, out, 3, stride=stride, padding=1, bias=bias), p.bn(out), act(a.get("act"))]
    return Shortcut(p, nn.Sequential(*first, p.conv(out, out, 3, padding=1, bias=bias), p.bn(out)), c, out, stride, a)


def bottleneck(a: Attrs, c: int, p: Parts) -> nn.Module:
    width, stride, dilation = a["width"], a.get("stride", 1), a.get("dilation", 1)
    out = a.get("out_channels", width * a.get("expansion", 4))
    middle = p.conv(
        width, width, 3, stride=stride, padding=dilation, dilation=dilation, groups=a.get("groups", 1), bias=False
    )
    first = [p.conv(c, width, 1, bias=False), p.bn(width), act(a.get("act"))]
    body = [*first, middle, p.bn(width), act(a.get("act")), p.conv(width, out, 1, bias=False), p.bn(out)]
    return Shortcut(p, nn.Sequential(*body), c, out, stride, {k: v for k, v in a.items() if k in ("shortcut", "act")})


def conv_norm_act(a: Attrs, c: int, p: Parts) -> nn.Module:
    more = {key: value for key, value in a.items() if key not in ("out_channels", "kernel_size")}
    return p.cna(c, a["out_channels"], a.get("kernel_size", 3), **more)


class Branches(nn.Module):
    """Several branches from one input, joined on their channels; with `keep` the input itself comes first."""

    def __init__(self, *branches: nn.Module, keep: bool = False) -> None:
        super().__init__()
        self.branches, self.keep, self.cat = nn.ModuleList(branches), keep, Cat()

    def forward(self, x: Tensor) -> Tensor:
        return self.cat(*([x] if self.keep else []), *(branch(x) for branch in self.branches))


def inception(a: Attrs, c: int, p: Parts) -> nn.Module:
    (r3, c3), (r5, c5) = a["c3"], a["c5"]
    more = {"norm": a.get("norm", "none"), "act": a.get("act", "relu")}
    pool = getattr(nn, f"MaxPool{p.rank}d")(3, stride=1, padding=1)
    return Branches(
        p.cna(c, a["c1"], 1, **more),
        nn.Sequential(p.cna(c, r3, 1, **more), p.cna(r3, c3, 3, **more)),
        nn.Sequential(p.cna(c, r5, 1, **more), p.cna(r5, c5, a.get("kernel5", 5), **more)),
        nn.Sequential(pool, p.cna(c, a["pool"], 1, **more)),
    )


def dense(a: Attrs, c: int, p: Parts) -> nn.Module:
    middle = a.get("bottleneck", 4) * a["growth"]
    body = [p.bn(c), act(a.get("act")), p.conv(c, middle, 1, bias=False), p.bn(middle), act(a.get("act"))]
    return Branches(nn.Sequential(*body, p.conv(middle, a["growth"], 3, padding=1, bias=False)), keep=True)


def transition(a: Attrs, c: int, p: Parts) -> nn.Module:
    conv = p.conv(c, a.get("out_channels", c // 2), 1, bias=False)
    return nn.Sequential(p.bn(c), act(a.get("act")), conv, getattr(nn, f"AvgPool{p.rank}d")(2, stride=2))


def vgg(a: Attrs, c: int, p: Parts) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(a.get("n", 1)):
        out = a["out_channels"]
        layers += [p.conv(c, out, 3, padding=1), p.norm(a.get("norm", "none"), out), act(a.get("act"))]
        c = out
    return nn.Sequential(*layers, getattr(nn, f"MaxPool{p.rank}d")(2, stride=2))


def nin(a: Attrs, c: int, p: Parts) -> nn.Module:
    out, what = a["out_channels"], a.get("act")
    first = p.conv(c, out, a["kernel_size"], stride=a.get("stride", 1), padding=a.get("padding", 0))
    return nn.Sequential(first, act(what), p.conv(out, out, 1), act(what), p.conv(out, out, 1), act(what))


def divisible(value: float, divisor: int) -> int:
    """The nearest multiple, never more than 10% below (MobileNet's rounding)."""
    new = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * value else new


class SqueezeExcite(nn.Module):
    def __init__(self, p: Parts, c: int, squeezed: int, what: Any = None, gate: Any = "sigmoid") -> None:
        super().__init__()
        pool = getattr(nn, f"AdaptiveAvgPool{p.rank}d")(1)
        self.gate = nn.Sequential(pool, p.conv(c, squeezed, 1), act(what), p.conv(squeezed, c, 1), act(gate))
        self.times = Times()

    def forward(self, x: Tensor) -> Tensor:
        return self.times(self.gate(x), x)


def squeeze_excite(a: Attrs, c: int, p: Parts) -> nn.Module:
    return SqueezeExcite(p, c, a["channels"], a.get("act"), a.get("gate", "sigmoid"))


class Skip(nn.Module):
    """x + body(x)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body, self.plus = body, Plus()

    def forward(self, x: Tensor) -> Tensor:
        return self.plus(self.body(x), x)


def inverted_residual(a: Attrs, c: int, p: Parts) -> nn.Module:
    out, stride, kernel, what = a["out_channels"], a.get("stride", 1), a.get("kernel_size", 3), a.get("act", "relu6")
    expanded = a.get("expanded", divisible(c * a.get("expand", 6), 8))
    layers: list[nn.Module] = [p.cna(c, expanded, 1, act=what)] if expanded != c else []
    layers.append(p.cna(expanded, expanded, kernel, stride=stride, groups=expanded, act=what))
    squeeze = a.get("squeeze", 0)
    if squeeze < 0:
        raise Refused("a vector of less than no channels")
    if squeeze:
        layers.append(SqueezeExcite(p, expanded, squeeze))
    layers.append(p.cna(expanded, out, 1, act="none"))
    drop = DropBranch(a.get("drop", 0))
    if not is_one(stride) or c != out:
        return nn.Sequential(*layers)
    return Skip(nn.Sequential(*layers, drop))


class Ghost(nn.Module):
    """Half of the channels by a convolution, the others from those; an odd number cuts the last one off."""

    def __init__(self, p: Parts, c: int, a: Attrs) -> None:
        super().__init__()
        self.out, what = a["out_channels"], a.get("act", "relu")
        half = ceil(self.out / 2)
        self.primary = p.cna(c, half, a.get("kernel_size", 1), stride=a.get("stride", 1), act=what)
        self.cheap = p.cna(half, half, a.get("cheap_kernel_size", 3), groups=half, act=what)
        self.cat = Cat()

    def forward(self, x: Tensor) -> Tensor:
        first = self.primary(x)
        return self.cat(first, self.cheap(first))[:, : self.out]


class Fuse(nn.Module):
    """A small map enlarged and joined with a large one."""

    def __init__(self, p: Parts, c_small: int, c_large: int, a: Attrs) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=a.get("scale", 2))
        self.cat = Cat()
        self.conv = p.conv(c_small + c_large, a["out_channels"], 3, padding=1)
        self.act = act(a.get("act"))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.act(self.conv(self.cat(self.up(x), skip)))


class Step(nn.Module):
    """A convolution of 3×3 and a shortcut, which is projected where the channels change."""

    def __init__(self, p: Parts, c: int, a: Attrs) -> None:
        super().__init__()
        out, stride = a["out_channels"], a.get("stride", 1)
        self.conv = p.conv(c, out, 3, stride=stride, padding=1)
        self.project = p.conv(c, out, 1, stride=stride) if c != out else nn.Identity()
        self.plus = Plus()

    def forward(self, x: Tensor) -> Tensor:
        return self.plus(self.conv(x), self.project(x))


BLOCKS: Mapping[str, Callable[[Attrs, int, Parts], nn.Module]] = {
    "residual": residual,
    "bottleneck": bottleneck,
    "conv_norm_act": conv_norm_act,
    "inception": inception,
    "dense": dense,
    "transition": transition,
    "vgg": vgg,
    "nin": nin,
    "squeeze_excite": squeeze_excite,
    "inverted_residual": inverted_residual,
    "ghost": lambda a, c, p: Ghost(p, c, a),
    "step": lambda a, c, p: Step(p, c, a),
}
"""How each block is made of its attributes, its input's channels and the network's rank."""


def make(kind: str, attrs: Attrs, shapes: list[Shape], rank: int) -> nn.Module:
    """A composite block on inputs of these shapes."""
    parts = Parts(max(rank, 1))
    if kind == "fuse":
        if len(shapes) != 2:
            raise Refused(f"fuse takes two inputs, not {len(shapes)}")
        return Fuse(parts, shapes[0].channels, shapes[1].channels, attrs)
    return BLOCKS[kind](attrs, shapes[0].channels, parts)
