"""A pool as a product of matrices is torch's own kernel, forwards and backwards."""

from __future__ import annotations

import copy

import pytest

pytest.importorskip("torch")
import torch
from torch import nn

from archc.train import pooling
from archc.train.pooling import TiledAvgPool2d, tile_pools


def tiled(pool: nn.Module) -> nn.Module:
    net = nn.Sequential(copy.deepcopy(pool))
    assert tile_pools(net) == 1
    assert type(net[0]) is TiledAvgPool2d
    return net


def compare(pool: nn.Module, x: torch.Tensor) -> None:
    """Both outputs and both gradients, for a random gradient behind."""
    results = []
    for net in (pool, tiled(pool)):
        torch.manual_seed(1)
        given = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        made = net(given)
        made.backward(torch.randn_like(made))
        assert given.grad is not None
        results.append((made.detach(), given.grad))
    for theirs, ours in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert torch.equal(ours, theirs)


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The products that were made."""
    made: list[tuple[int, ...]] = []
    original = pooling._weights

    def noted(*args: object) -> torch.Tensor:
        found = original(*args)
        made.append(tuple(found.shape))
        return found

    monkeypatch.setattr(pooling, "_weights", noted)
    return made


@pytest.mark.parametrize(
    ("window", "size"),
    [
        *((2, (24, width)) for width in range(4, 113, 6)),
        *((4, (8, width)) for width in range(8, 57, 8)),
        *(((1, 2), (3, width)) for width in range(4, 225, 44)),
        *(((2, 1), (4, width)) for width in range(2, 113, 10)),
        *(((8, 1), (16, width)) for width in range(2, 29, 3)),
        *(((16, 1), (32, width)) for width in range(2, 15)),
        *(((1, 16), (2, width)) for width in range(32, 225, 48)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_is_the_kernel(
    window: int | tuple[int, int], size: tuple[int, int], dtype: torch.dtype, products: list[tuple[int, ...]]
) -> None:
    rows, columns = window if isinstance(window, tuple) else (window, window)
    torch.manual_seed(0)
    compare(nn.AvgPool2d(window), torch.randn(3, 5, *size).to(dtype))
    assert products == [(rows * size[1], size[1] // columns)]


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(torch.randn(2, 3, 9, 8), id="a row left over"),
        pytest.param(torch.randn(2, 3, 8, 9), id="a column left over"),
        pytest.param(torch.randn(2, 3, 8, 114), id="wide"),
        pytest.param(torch.randn(2, 3, 8, 2), id="a column"),
        pytest.param(torch.randn(1, 1, 2, 8), id="a row"),
        pytest.param(torch.randn(2, 3, 8, 8, dtype=torch.float64), id="float64"),
        pytest.param(torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last), id="channels last"),
        pytest.param(torch.randn(2, 3, 8, 8).transpose(2, 3), id="transposed"),
    ],
)
def test_what_does_not_lie_so_goes_to_the_kernel(x: torch.Tensor, products: list[tuple[int, ...]]) -> None:
    compare(nn.AvgPool2d(2), x)
    assert not products


def test_autocast_rounds_nothing(products: list[tuple[int, ...]]) -> None:
    x = torch.randn(2, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        compare(nn.AvgPool2d(2), x)
        assert not products
        compare(nn.AvgPool2d(2), x.bfloat16())
    assert len(products) == 1


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3),
        nn.AvgPool2d(8),
        nn.AvgPool2d(3, 2),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, divisor_override=3),
        nn.MaxPool2d(2),
    ],
)
def test_other_pools_are_left(pool: nn.Module) -> None:
    kind = type(pool)
    assert tile_pools(nn.Sequential(pool)) == 0
    assert type(pool) is kind


def test_a_network_has_the_same_names(lenet: nn.Module) -> None:
    names = list(lenet.state_dict())
    assert tile_pools(lenet) == 2
    assert list(lenet.state_dict()) == names
    assert tile_pools(copy.deepcopy(lenet)) == 0  # it has been done


@pytest.fixture
def lenet() -> nn.Module:
    from archc.api import load

    return load("fashion_mnist/lenet_bn").to_torch()
