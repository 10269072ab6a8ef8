"""A folder of pictures, a folder for each class: read as they are needed, by worker processes."""

from __future__ import annotations

import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from archc.train.data.examples import Batch, Data, Unreadable
from archc.train.data.find import Places
from archc.train.data.labels import encoded
from archc.train.faults import fault
from archc.train.settings import Settings

ENDINGS: Final = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
TESTS: Final = ("test", "val")
FORMS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What Pillow may take a picture for, whatever its name."""
SIXTEEN: Final = ("I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's names of grey pictures of up to 16 bits."""
BITS: Final = 258
PHOTOMETRIC: Final = 262
"""Tags of TIFF 6.0: `BitsPerSample`, and `PhotometricInterpretation`, which is 0 where 0 is white."""
LARGEST: Final = 178_956_970
"""Pixels of a picture that is read, as many as Pillow reads without a warning times two."""
LARGEST_FILE: Final = 2**28
"""Bytes of it."""


Item = TypeVar("Item")


class Files:
    """Pictures in files, each scaled to (height, width) when it is read (Pillow's bilinear, with antialiasing)."""

    in_memory = False

    def __init__(self, files: list[tuple[Path, int]], settings: Settings) -> None:
        self.paths = [path for path, _ in files]
        classes = np.array([at for _, at in files], np.int64)
        self.labels = torch.from_numpy(encoded(classes, settings, settings.data["classes"]))
        self.form = FORMS[settings.data["channels"]]
        self.size = (settings.data["width"], settings.data["height"])

    def __len__(self) -> int:
        return len(self.paths)

    def get(self, indices: NDArray[np.int64]) -> Batch:
        """The pictures, uint8 (N, C, H, W), and their labels. Raises Unreadable."""
        pictures = np.stack([read_picture(self.paths[at], self.form, self.size) for at in indices])
        return torch.from_numpy(pictures), self.labels.index_select(0, torch.from_numpy(indices))


def read_picture(path: Path, form: str, size: tuple[int, int] | None) -> NDArray[Any]:
    """One picture as uint8 (C, height, width), scaled to `size`, (width, height), if given. Raises Unreadable."""
    with opened(path) as (file, sampling):
        picture = _in_bytes(file, path).convert(form)
        if size is not None and picture.size != size:
            picture = picture.resize(size, sampling.BILINEAR)
        values = np.asarray(picture)
    return values[None].copy() if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))


def _in_bytes(file: Any, path: Path) -> Any:
    """A picture of Pillow's with 8 bits a channel. Of 16 bits it has the upper 8, as Pillow reads colours. Raises Unreadable."""
    from PIL import Image

    is_pnm = file.mode == "I" and file.format == "PPM"  # scaled to 16 bits by Pillow
    if file.mode in ("I", "F") and not is_pnm:
        kind = "decimal numbers" if file.mode == "F" else "whole numbers of 32 bits, or with a sign"
        raise Unreadable(
            f"`{path}` has {kind} as pixels (`{file.mode}`): save it with 8 or 16 bits, from black to white"
        )
    if file.mode not in SIXTEEN and not is_pnm:
        return file
    tags = getattr(file, "tag_v2", {})
    values = np.asarray(file) >> (tags.get(BITS, (16,))[0] - 8)
    values = values.astype(np.uint8)
    return Image.fromarray(255 - values if tags.get(PHOTOMETRIC) == 0 else values)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A picture as Pillow opens it, and Pillow's ways of scaling. Raises Unreadable, also for what goes wrong within."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of damage raises
            _check_file(path)
            with Image.open(path, formats=FORMATS) as file:
                if file.width * file.height > LARGEST:
                    raise Unreadable(f"`{path}` has more than {LARGEST:,} pixels")
                yield file, Image.Resampling
    except UnidentifiedImageError:
        raise Unreadable(f"`{path}` is no picture") from None
    except OSError as error:
        raise Unreadable(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        raise Unreadable(f"`{path}` cannot be read: {error}") from None


def _check_file(path: Path) -> None:
    """Refuse what is no file, which could be read for ever, and what is too large. Raises OSError, Unreadable."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(f"`{path}` is no file")
    if found.st_size > LARGEST_FILE:
        raise Unreadable(f"`{path}` is larger than {LARGEST_FILE // 2**20} MiB")


def load_folder(settings: Settings, places: Places) -> Data:
    """`train/CLASS/*` and `test/CLASS/*` (or `val`); or `CLASS/*`, of which every fifth picture is for the test."""
    root = root_of(settings, places)
    trains, tests = parts(root)
    if tests is not None:
        classes = _classes(trains, settings)
        train, test = _files(trains, classes), _files(tests, classes)
        _check_same(_classes(tests, settings), classes, tests)
    else:
        classes = _classes(root, settings)
        train, test = split(_files(root, classes))
    check_counts(settings, root, len(train), len(test), "put pictures into a folder for each class")
    return Data(Files(train, settings), Files(test, settings), classes, folder=str(root))


def root_of(settings: Settings, places: Places) -> Path:
    """The folder of the pictures. Raises SpecError where it is none, or pictures have no such channels."""
    root = places.folders()[0]
    if not root.is_dir():
        help = "give the folder by `--data DIR`"
        raise fault("A0802", f"there is no folder `{root}`", settings.spans["data"], help)
    if settings.data["channels"] not in FORMS:
        help = f"use {', '.join(map(str, FORMS))} channels"
        raise fault("A0803", "pictures are read with 1, 3 or 4 channels", settings.spans["data"], help)
    return root


def parts(root: Path) -> tuple[Path, Path | None]:
    """The folders to train and to test on; one alone, and None, where they are not apart."""
    tests = next((root / name for name in TESTS if (root / name).is_dir()), None)
    return (root / "train", tests) if tests is not None and (root / "train").is_dir() else (root, None)


def split(every: list[Item]) -> tuple[list[Item], list[Item]]:
    """What is to train on, and every fifth for the test."""
    return [one for at, one in enumerate(every) if at % 5 != 4], every[4::5]


def check_counts(settings: Settings, root: Path, train: int, test: int, help: str) -> None:
    """Refuse a folder without pictures, or with another number of them than the spec says. Raises SpecError."""
    for count, purpose in ((train, "train on"), (test, "test on")):
        if not count:
            raise fault("A0803", f"there are no pictures to {purpose}", root, help)
    expected = settings.data["examples"]
    if expected is not None and expected != train:
        message = f"there are {train:,} pictures to train on, the spec says {expected:,}"
        raise fault("A0803", message, settings.spans["data.examples"], "correct `examples`, or leave it out")


def _classes(folder: Path, settings: Settings) -> tuple[str, ...]:
    names = tuple(sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")))
    wanted = settings.data["classes"]
    if len(names) != wanted:
        found = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        message = f"there are {len(names)} folders of classes in `{folder}`, the spec says {wanted}"
        notes = (f"found {found}",) if names else ()
        raise fault("A0803", message, settings.spans["data.classes"], "correct `classes`, or the folder", notes)
    return names


def _check_same(found: tuple[str, ...], classes: tuple[str, ...], folder: Path) -> None:
    if found != classes:
        strange = sorted(set(found) - set(classes))[0]
        raise fault("A0803", f"the class `{strange}` has no pictures to train on", folder, "use the same folders twice")


def _files(folder: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    return [
        (path, at)
        for at, name in enumerate(classes)
        for path in sorted((folder / name).iterdir())
        if path.suffix.lower() in ENDINGS and path.is_file()
    ]
