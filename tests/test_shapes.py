"""The shape rules against torch, run for real: the same sizes, and a refusal where torch refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from archc.ir import TensorType, ops

torch = pytest.importorskip("torch", reason="torch is the oracle")

Case = tuple[ops.Op, Callable[[], "torch.nn.Module"]]
SIZES = range(1, 10)
CHANNELS = 2


def conv() -> Iterator[Case]:
    for k, s, p, d in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)):
        yield (
            ops.Conv(CHANNELS, 3, (k,), (s,), (p,), (d,)),
            lambda k=k, s=s, p=p, d=d: torch.nn.Conv1d(CHANNELS, 3, k, s, p, d),
        )


def conv_transpose() -> Iterator[Case]:
    for k, s, p, o, d in product((1, 2, 4), (1, 2, 3), (0, 1, 2), (0, 1, 2), (1, 2)):
        op = ops.ConvTranspose(CHANNELS, 3, (k,), (s,), (p,), (o,), (d,))
        yield op, lambda k=k, s=s, p=p, o=o, d=d: torch.nn.ConvTranspose1d(CHANNELS, 3, k, s, p, o, dilation=d)


def max_pool() -> Iterator[Case]:
    for k, s, p, d, c in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2), (False, True)):
        op = ops.MaxPool((k, 1), (s, 1), (p, 0), (d, 1), c)
        yield op, lambda k=k, s=s, p=p, d=d, c=c: torch.nn.MaxPool2d((k, 1), (s, 1), (p, 0), (d, 1), ceil_mode=c)


def avg_pool() -> Iterator[Case]:
    for k, s, p, c in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (False, True)):
        op = ops.AvgPool((k, 1), (s, 1), (p, 0), c)
        yield op, lambda k=k, s=s, p=p, c=c: torch.nn.AvgPool2d((k, 1), (s, 1), (p, 0), ceil_mode=c)


def adaptive() -> Iterator[Case]:
    for o in (1, 2, 3, 7):
        yield ops.AdaptiveAvgPool((o,)), lambda o=o: torch.nn.AdaptiveAvgPool1d(o)
        yield ops.AdaptiveMaxPool((o,)), lambda o=o: torch.nn.AdaptiveMaxPool1d(o)


def padding() -> Iterator[Case]:
    kinds = {"constant": "ConstantPad1d", "reflect": "ReflectionPad1d", "replicate": "ReplicationPad1d"}
    for a, b, mode in product((0, 1, 3), (0, 2, 4), kinds):
        extra = (0.0,) if mode == "constant" else ()
        yield (
            ops.Pad((a,), (b,), mode),
            lambda a=a, b=b, mode=mode, extra=extra: getattr(torch.nn, kinds[mode])((a, b), *extra),
        )


def upsample() -> Iterator[Case]:
    for factor, mode in product((1, 2, 3), ("nearest", "linear")):
        yield (
            ops.Upsample((factor,), mode),
            lambda factor=factor, mode=mode: torch.nn.Upsample(scale_factor=factor, mode=mode),
        )


def run(make: Callable[[], torch.nn.Module], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that torch gives, or None where it raises."""
    try:
        with torch.no_grad():
            return tuple(make()(torch.zeros(1, *shape)).shape[1:])
    except (RuntimeError, ValueError):
        return None


@pytest.mark.parametrize(
    "family",
    [conv, conv_transpose, max_pool, avg_pool, adaptive, padding, upsample],
    ids=lambda family: family.__name__,
)
@pytest.mark.filterwarnings("ignore")  # torch deprecates some of the arguments that it takes
def test_sizes_and_refusals_are_torchs(family: Callable[[], Iterator[Case]]) -> None:
    compared = refused = 0
    for op, make in family():
        rank = 2 if isinstance(op, ops.MaxPool | ops.AvgPool) else 1
        for size in SIZES:
            x = TensorType(CHANNELS, (size, 1)[:rank])
            theirs = run(make, x.shape)
            violations = list(op.requires(x))
            assert (theirs is None) == bool(violations), f"{op} on {x}: torch gives {theirs}, archc says {violations}"
            if theirs is not None:
                assert op.infer(x).shape == theirs, f"{op} on {x}"
            compared += 1
            refused += theirs is None
    assert compared >= 50
    assert family in (adaptive, upsample) or refused > 0


@pytest.mark.parametrize(
    ("op", "make", "shape"),
    [
        (ops.Conv(6, 4, (3,), (1,), (1,), (1,), groups=4), lambda: torch.nn.Conv1d(6, 4, 3, groups=4), (6, 9)),
        (ops.Conv(6, 4, (3,), (1,), (1,), (1,), groups=3), lambda: torch.nn.Conv1d(6, 4, 3, groups=3), (6, 9)),
        (ops.GroupNorm(4, 6), lambda: torch.nn.GroupNorm(4, 6), (6, 9)),
        (ops.PixelShuffle(2), lambda: torch.nn.PixelShuffle(2), (6, 3, 3)),
        (ops.ChannelShuffle(4), lambda: torch.nn.ChannelShuffle(4), (6, 3, 3)),
    ],
    ids=["conv in", "conv out", "group norm", "pixel shuffle", "channel shuffle"],
)
def test_indivisible_channels_are_refused_as_torch_does(
    op: ops.Op, make: Callable[[], torch.nn.Module], shape: tuple[int, ...]
) -> None:
    assert run(make, shape) is None
    assert [violation.code for violation in op.requires(TensorType(shape[0], shape[1:]))] == ["A0302"]


@pytest.mark.parametrize("affine", [True, False])
def test_norms_have_the_tensors_that_torchs_have(affine: bool) -> None:
    pairs: list[tuple[ops.Op, torch.nn.Module]] = [
        (ops.BatchNorm(4, affine=affine), torch.nn.BatchNorm2d(4, affine=affine)),
        (ops.GroupNorm(2, 4, affine=affine), torch.nn.GroupNorm(2, 4, affine=affine)),
        (ops.LayerNorm(4, elementwise_affine=affine), torch.nn.LayerNorm(4, elementwise_affine=affine)),
    ]
    for op, module in pairs:
        shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
        assert {tensor.name: tensor.shape for tensor in op.tensors()} == shapes
