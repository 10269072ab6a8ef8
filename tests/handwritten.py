"""The networks of `tests/data/networks.yaml` that are trained, and the usual loop around them, written by hand.

Nothing here knows of archc, but for the order of examples and the seeds of batches, which both sides must share.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset


def lenet_bn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 96, 11, 4, 1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 10),
    )  # fmt: skip


def vgg11_quarter() -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for count, width in ((1, 16), (1, 32), (2, 64), (2, 128), (2, 128)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    head = (nn.Linear(6272, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5))
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(4096, 10))


def nin() -> nn.Module:
    def block(inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
        first = [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU()]
        return [*first, nn.Conv2d(outputs, outputs, 1), nn.ReLU(), nn.Conv2d(outputs, outputs, 1), nn.ReLU()]

    return nn.Sequential(
        *block(1, 96, 11, 4), nn.MaxPool2d(3, 2), *block(96, 256, 5, padding=2), nn.MaxPool2d(3, 2),
        *block(256, 384, 3, padding=1), nn.MaxPool2d(3, 2), nn.Dropout(0.5),
        *block(384, 10, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip


class Inception(nn.Module):
    def __init__(self, inputs: int, c1: int, c3: tuple[int, int], c5: tuple[int, int], pool: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(inputs, c1, 1)
        self.three = nn.ModuleList([nn.Conv2d(inputs, c3[0], 1), nn.Conv2d(c3[0], c3[1], 3, padding=1)])
        self.five = nn.ModuleList([nn.Conv2d(inputs, c5[0], 1), nn.Conv2d(c5[0], c5[1], 5, padding=2)])
        self.pool = nn.MaxPool2d(3, 1, 1)
        self.behind = nn.Conv2d(inputs, pool, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        relu = functional.relu
        three = relu(self.three[1](relu(self.three[0](x))))
        five = relu(self.five[1](relu(self.five[0](x))))
        return torch.cat([relu(self.one(x)), three, five, relu(self.behind(self.pool(x)))], 1)


def googlenet() -> nn.Module:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, 1)

    return nn.Sequential(
        nn.Conv2d(1, 64, 7, 2, 3), nn.ReLU(), pool(),
        nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), pool(),
        Inception(192, 64, (96, 128), (16, 32), 32), Inception(256, 128, (128, 192), (32, 96), 64), pool(),
        Inception(480, 192, (96, 208), (16, 48), 64), Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64), Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128), pool(),
        Inception(832, 256, (160, 320), (32, 128), 128), Inception(832, 384, (192, 384), (48, 128), 128),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + self.shortcut(x))


def resnet18() -> nn.Module:
    blocks: list[nn.Module] = []
    channels = 64
    for width in (64, 128, 256, 512):
        for _ in range(2):
            blocks.append(Residual(channels, width, 1 if width == 64 or channels == width else 2))
            channels = width
    stem = (nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "lenet_bn": lenet_bn,
    "googlenet": googlenet,
    "resnet18": resnet18,
    "vgg11_quarter": vgg11_quarter,
    "nin": nin,
    "alexnet": alexnet,
}


def loaded(net: nn.Module, state: Iterable[Any]) -> nn.Module:
    """`net` with the tensors of another writing of it, which has them in the same order."""
    own = net.state_dict()
    values = [torch.as_tensor(value) for value in state]
    assert [tensor.shape for tensor in own.values()] == [value.shape for value in values]
    net.load_state_dict(dict(zip(own, values, strict=True)))
    return net


def unpacked(source: Path, root: Path) -> Path:
    """The gzipped files of Fashion-MNIST as torchvision's data set wants them."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*-ubyte.gz"):
        with gzip.open(path) as packed, open(raw / path.stem, "wb") as file:
            shutil.copyfileobj(packed, file)
    return root


def fashion_mnist(root: Path, resize: int, train: bool = True, normalize: tuple[Any, Any] | None = None) -> Any:
    """torchvision's data set with the usual transforms of each example; `normalize` is a mean and a deviation."""
    from torchvision import datasets, transforms

    steps = ([transforms.Resize(resize)] if resize != 28 else []) + [transforms.ToTensor()]
    if normalize is not None:
        steps.append(transforms.Normalize(*normalize))
    return datasets.FashionMNIST(str(root), train=train, transform=transforms.Compose(steps))


def steps(
    net: nn.Module,
    data: Any,
    order: Any,
    size: int,
    lr: float,
    count: int,
    seed: Callable[[int], int],
    workers: int = 0,
) -> Iterator[float]:
    """The loss of each of `count` steps of SGD."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loader = DataLoader(Subset(data, [int(at) for at in order[: count * size]]), size, num_workers=workers)
    net.train()
    for step, (pictures, labels) in enumerate(loader):
        torch.manual_seed(seed(step))
        loss = functional.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()
