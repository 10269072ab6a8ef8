"""From uint8 pictures to what the network takes: scaled, cut and mirrored by the batch, then from 0 to 1 and normalised.

Scaling is that of torchvision's `Resize` (bilinear, antialiased, rounded to whole levels), the rest that of its
`RandomCrop`, `RandomHorizontalFlip`, `ToTensor` and `Normalize`; each picture has its own chances, by its index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from archc.spec.datasets import DATA_SETS
from archc.train.chance import uniform
from archc.train.data.examples import Data
from archc.train.ends import Ends
from archc.train.settings import Settings

Floats = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is done to a batch; anything but uint8 passes unchanged."""

    seed: int
    size: tuple[int, int] | None = None
    horizontal_flip: float = 0.0
    vertical_flip: float = 0.0
    crop_padding: int = 0
    mean: Floats = ()
    std: Floats = ()
    maps: int | None = None
    """Where labels are maps that go with the pictures: the number around them, where a picture has zeros."""

    @classmethod
    def of_ends(cls, ends: Ends) -> Pictures:
        """What is done to pictures that are not trained on."""
        return cls(0, (ends.height, ends.width), mean=ends.mean, std=ends.std)

    def __call__(self, batch: torch.Tensor, indices: torch.Tensor, epoch: int | None) -> torch.Tensor:
        """`batch` (N, C, H, W) as float32; with an `epoch`, changed as examples to train on are."""
        if batch.dtype != torch.uint8:
            return batch
        if self.size is not None and batch.shape[2:] != self.size:
            batch = functional.interpolate(batch, self.size, mode="bilinear", antialias=True)
        if epoch is not None and self._changes:
            batch = self.changed(batch, indices.cpu().numpy(), epoch)
        values = batch.to(torch.float32).div_(255)
        if self.mean or self.std:
            shape = (1, -1, 1, 1)
            values.sub_(torch.tensor(self.mean or (0.0,), device=values.device).view(shape))
            values.div_(torch.tensor(self.std or (1.0,), device=values.device).view(shape))
        return values

    def labels(self, labels: torch.Tensor, indices: torch.Tensor, epoch: int | None) -> torch.Tensor:
        """Maps (N, H, W) cut and mirrored as their pictures are; any other labels unchanged."""
        if self.maps is None or epoch is None or not self._changes:
            return labels
        return self.changed(labels[:, None], indices.cpu().numpy(), epoch, self.maps)[:, 0]

    @property
    def _changes(self) -> bool:
        return bool(self.horizontal_flip or self.vertical_flip or self.crop_padding)

    def changed(self, batch: torch.Tensor, indices: NDArray[np.int64], epoch: int, around: int = 0) -> torch.Tensor:
        """Each picture cut from its padded self, and mirrored or not."""
        rows = self._places(batch.shape[2], indices, epoch, "row", self.vertical_flip)
        columns = self._places(batch.shape[3], indices, epoch, "column", self.horizontal_flip)
        if self.crop_padding:
            batch = functional.pad(batch, (self.crop_padding,) * 4, value=around)
        at = torch.arange(len(batch), device=batch.device)[:, None, None]
        y = torch.from_numpy(rows).to(batch.device)[:, :, None]
        x = torch.from_numpy(columns).to(batch.device)[:, None, :]
        return batch[at, :, y, x].permute(0, 3, 1, 2)

    def _places(self, size: int, indices: NDArray[np.int64], epoch: int, axis: str, flip: float) -> NDArray[Any]:
        """For each picture, from where along an axis each of its pixels is taken."""
        places = np.broadcast_to(np.arange(size), (len(indices), size))
        if flip:
            mirrored = uniform(indices, self.seed, "flip", axis, epoch) < flip
            places = np.where(mirrored[:, None], places[:, ::-1], places)
        if self.crop_padding:
            moved = uniform(indices, self.seed, "crop", axis, epoch) * (2 * self.crop_padding + 1)
            places = places + moved.astype(np.int64)[:, None]
        return np.ascontiguousarray(places)


def pictures_of(settings: Settings, data: Data) -> Pictures:
    """The changes that the settings ask for."""
    given = settings.data
    resize = given.get("resize") if given.type in DATA_SETS else None
    size = resize if resize is None or isinstance(resize, tuple) else (resize, resize)
    mean, std = given.get("mean"), given.get("std")
    known = bool(given.get("normalize"))
    return Pictures(
        settings.seed,
        size,
        given.get("horizontal_flip") or 0.0,
        given.get("vertical_flip") or 0.0,
        given.get("crop_padding") or 0,
        mean or (data.mean if known else ()),
        std or (data.std if known else ()),
        (settings.label["ignore_index"] or 0)
        if given.type == "image_folder" and settings.label.type == "map"
        else None,
    )
