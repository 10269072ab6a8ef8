"""A folder of pictures with a map of labels for each: `images` and `masks`, with files of the same names."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from archc.train.data.examples import Batch, Data, Unreadable
from archc.train.data.find import Places
from archc.train.data.folder import ENDINGS, FORMS, check_counts, opened, parts, read_picture, root_of, split
from archc.train.faults import fault
from archc.train.settings import Settings

Pair = tuple[Path, Path]

IMAGES: Final = "images"
MASKS: Final = "masks"
EXACT: Final = frozenset({".bmp", ".gif", ".pgm", ".png", ".tif", ".tiff"})
"""The endings of maps: of formats that lose nothing."""
MODES: Final = ("1", "L", "P", "I", "I;16", "I;16B")
"""Pillow's names of pictures whose pixels are one whole number; of a palette, `P`, it is that of the colour."""


class Maps:
    """Pictures and maps in files, both scaled to (height, width) when they are read: a map by its nearest pixels."""

    in_memory = False

    def __init__(self, pairs: list[Pair], settings: Settings) -> None:
        self.pairs = pairs
        self.form = FORMS[settings.data["channels"]]
        self.size = (settings.data["width"], settings.data["height"])

    def __len__(self) -> int:
        return len(self.pairs)

    def get(self, indices: NDArray[np.int64]) -> Batch:
        """The pictures, uint8 (N, C, H, W), and their maps, int64 (N, H, W). Raises Unreadable."""
        pairs = [self.pairs[at] for at in indices]
        pictures = np.stack([read_picture(picture, self.form, self.size) for picture, _ in pairs])
        maps = np.stack([read_map(path, self.size) for _, path in pairs]).astype(np.int64)
        return torch.from_numpy(pictures), torch.from_numpy(maps)


def read_map(path: Path, size: tuple[int, int] | None = None) -> NDArray[Any]:
    """One map (height, width) of class numbers, scaled to `size`, (width, height), if given. Raises Unreadable."""
    with opened(path) as (file, sampling):
        if file.mode not in MODES:
            raise Unreadable(
                f"`{path}` has colours (`{file.mode}`), where a map has the number of a class in each pixel"
            )
        scaled = file.resize(size, sampling.NEAREST) if size is not None and file.size != size else file
        return np.array(scaled)


def load_maps(settings: Settings, places: Places) -> Data:
    """`images` and `masks` in `train` and in `test` (or `val`); or side by side, every fifth picture for the test.

    Each map is read once: its size is that of its picture, and its numbers are those of classes. Raises SpecError.
    """
    root = root_of(settings, places)
    if settings.data["crop_padding"] and settings.label["ignore_index"] is None:
        message = "`crop_padding` puts pixels around a map that have no class"
        help = "say which number stands for that: `label: {type: map, ignore_index: 255}`"
        raise fault("A0803", message, settings.spans.get("data.crop_padding", settings.spans["data"]), help)
    trains, tests = parts(root)
    train, test = (_pairs(trains), _pairs(tests)) if tests is not None else split(_pairs(root))
    check_counts(settings, root, len(train), len(test), f"put pictures into `{IMAGES}`, and their maps into `{MASKS}`")
    _check(settings, train + test)
    names = tuple(map(str, range(settings.data["classes"])))
    return Data(Maps(train, settings), Maps(test, settings), names, folder=str(root))


def _pairs(folder: Path) -> list[Pair]:
    """The pictures of a folder with their maps. Raises SpecError where one has none, or two have one name."""
    images, masks = (_named(folder / name, endings) for name, endings in ((IMAGES, ENDINGS), (MASKS, EXACT)))
    for one, others, there in ((images, masks, MASKS), (masks, images, IMAGES)):
        for name, path in one.items():
            if name not in others:
                kind = "a map" if there == MASKS else "a picture"
                allowed = ", ".join(sorted(EXACT if there == MASKS else ENDINGS))
                help = f"add `{name}` with one of the endings {allowed}, or remove the file"
                raise fault("A0803", f"`{path}` has no file of its name in `{folder / there}`, {kind}", path, help)
    return [(path, masks[name]) for name, path in images.items()]


def _named(folder: Path, endings: frozenset[str]) -> dict[str, Path]:
    """The files of a folder by their names without endings, in order. Raises SpecError."""
    if not folder.is_dir():
        help = f"put pictures into `{IMAGES}` and their maps into `{MASKS}`, or use `label: class_index`"
        raise fault("A0803", f"there is no folder `{folder}`", folder, help)
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in endings and path.is_file():
            if path.stem in found:
                message = f"`{found[path.stem]}` and `{path}` have one name"
                raise fault("A0803", message, path, "pictures and maps go together by their names: rename one")
            found[path.stem] = path
    return found


def _check(settings: Settings, pairs: list[Pair]) -> None:
    """Refuse a map that does not fit its picture or the classes, or that cannot be read. Raises SpecError."""
    classes, ignored = settings.data["classes"], settings.label["ignore_index"]

    def why(pair: Pair) -> tuple[str, str] | None:
        try:
            return _why(*pair, classes, ignored)
        except Unreadable as error:
            return str(error), "mend or remove the file"

    workers = settings.data["workers"]
    with ThreadPoolExecutor(max(1, workers if workers is not None else os.cpu_count() or 1)) as pool:
        for (_, path), found in zip(pairs, pool.map(why, pairs), strict=True):
            if found is not None:
                pool.shutdown(cancel_futures=True)
                raise fault("A0803", found[0], path, found[1])


def _why(picture: Path, path: Path, classes: int, ignored: int | None) -> tuple[str, str] | None:
    """What is wrong with a map, and the way out; None where it fits. Raises Unreadable."""
    values = read_map(path)
    with opened(picture) as (file, _):
        width, height = file.size
    if values.shape != (height, width):
        message = f"`{path}` has {values.shape[0]} × {values.shape[1]} pixels, its picture {height} × {width}"
        return message, "make the map of the picture's size"
    strange = values[(values >= classes) | (values < 0)]
    strange = strange[strange != ignored] if ignored is not None else strange
    if not strange.size:
        return None
    value = int(strange[0])
    message = f"`{path}` has the class {value} in {np.count_nonzero(strange == value):,} pixels, the classes are 0 to {classes - 1}"
    if ignored is None:
        return (
            message,
            f"correct `classes`, or leave such pixels out: `label: {{type: map, ignore_index: {max(value, 0)}}}`",
        )
    return message, f"correct `classes`, or the map; only {ignored} is left out"
