"""The data that `train.data` names: found, read and checked against what the spec was checked with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from archc.spec.datasets import DATA_SETS, DataSet
from archc.train.data.cifar import read_cifar
from archc.train.data.examples import Array, Damaged, Data, Held
from archc.train.data.find import Places, cache
from archc.train.data.folder import load_folder
from archc.train.data.idx import Malformed, read_idx
from archc.train.data.labels import encoded
from archc.train.data.maps import load_maps
from archc.train.data.synthetic import synthetic
from archc.train.faults import fault, reason
from archc.train.settings import Settings

Split = tuple[NDArray[Any], NDArray[Any]]

PARTS: Final = ("train", "t10k")


def load_data(settings: Settings, places: Places, download: bool = False) -> Data:
    """The examples to train and to test on. Raises SpecError where they are not there or not what they should be."""
    try:
        return _loaded(settings, places, download)
    except OSError as error:
        folders = places.folders()
        path = error.filename or (folders[0] if folders else settings.data.type)
        message = f"`{path}` cannot be read: {reason(error)}"
        help = "give a folder that can be read by `--data DIR`"
        raise fault("A0802", message, settings.spans["data"], help) from None


def _loaded(settings: Settings, places: Places, download: bool) -> Data:
    name = settings.data.type
    if name == "synthetic":
        return synthetic(settings)
    if name == "image_folder":
        return load_maps(settings, places) if settings.label.type == "map" else load_folder(settings, places)
    known = DATA_SETS[name]
    if name == "digits":
        train, test, folder = *_digits(settings), ""
    else:
        train, test, folder = _from_files(name, known, settings, places, download)
    held = [Held(pictures, encoded(labels, settings, known.classes)) for pictures, labels in (train, test)]
    return Data(held[0], held[1], known.class_names, known.mean, known.std, folder)


def _digits(settings: Settings) -> tuple[Split, Split]:
    """scikit-learn's digits, of 16 levels of grey, as bytes: every fifth, the one at index 4 first, is for the test."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        help = "run `pip install 'archc-compiler[train]'`"
        raise fault("A0705", f"this needs the package `{error.name}`", settings.spans["data"], help) from None
    pictures, labels = load_digits(return_X_y=True)
    data: Array = np.rint(pictures * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    is_test = np.arange(len(data)) % 5 == 4
    labels = labels.astype(np.int64)
    return (data[~is_test], labels[~is_test]), (data[is_test], labels[is_test])


def _from_files(
    name: str, known: DataSet, settings: Settings, places: Places, download: bool
) -> tuple[Split, Split, str]:
    reads: Callable[[Path], tuple[Split, Split] | None]
    reads = _read_mnist if name in ("mnist", "fashion_mnist") else lambda folder: read_cifar(folder, name)
    for folder in places.candidates(name):
        found = _attempt(reads, folder, known)
        if found is not None:
            return (*found, str(folder))
    if download:
        return (*_downloaded(name, reads, known, settings), str(cache()))
    looked = [str(folder) for folder in places.folders()]
    help = "give the folder of its files by `--data DIR`, or fetch them by `--download`"
    if name == "fashion_mnist":
        help += "; on Debian, `apt install dataset-fashion-mnist`"
    notes = tuple(f"looked in {folder}" for folder in looked)
    raise fault("A0802", f"the files of {known.title} are not there", settings.spans["data"], help, notes)


def _attempt(
    reads: Callable[[Path], tuple[Split, Split] | None], folder: Path, known: DataSet
) -> tuple[Split, Split] | None:
    """What a folder holds; None where it does not hold the data set."""
    try:
        found = reads(folder)
    except Damaged as error:
        help = "fetch it again"
        raise fault("A0803", f"`{error.path}` cannot be read: {error}", error.path, help) from None
    if found is None:
        return None
    for (pictures, labels), part in zip(found, PARTS, strict=True):
        if len(pictures) != len(labels):
            message = f"there are {len(pictures):,} pictures and {len(labels):,} labels to {_purpose(part)}"
            raise fault("A0803", message, folder, "fetch the files again")
        if not len(labels):
            raise fault("A0803", f"there are no pictures to {_purpose(part)}", folder, "fetch the files again")
        if labels.max() >= known.classes:
            message = f"a label is {labels.max()}, {known.title} has the classes 0 to {known.classes - 1}"
            raise fault("A0803", message, folder, f"name the folder of {known.title}")
    return found


def _purpose(part: str) -> str:
    return "train on" if part == "train" else "test on"


def _read_mnist(folder: Path) -> tuple[Split, Split] | None:
    found = []
    for part in PARTS:
        pictures, labels = (_one(folder, f"{part}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        if pictures is None or labels is None:
            return None
        found.append((_read(pictures, (28, 28))[:, None], _read(labels, ()).astype(np.int64)))
    return found[0], found[1]


def _one(folder: Path, name: str) -> Path | None:
    """The file `name`, plain or gzipped; torchvision's old releases put a dot for the last hyphen."""
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"))
    return next((folder / one for one in names if (folder / one).is_file()), None)


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return read_idx(path, shape)
    except Malformed as error:
        raise Damaged(path, str(error)) from None
    except OSError as error:
        raise Damaged(path, error.strerror or str(error)) from None


def _downloaded(
    name: str, reads: Callable[[Path], tuple[Split, Split] | None], known: DataSet, settings: Settings
) -> tuple[Split, Split]:
    from archc.train.data.fetch import fetch

    fetch(name, settings)
    for folder in Places(cache()).candidates(name):
        found = _attempt(reads, folder, known)
        if found is not None:
            return found
    raise fault("A0802", f"what was fetched of {known.title} is not whole", cache(), "fetch it again by `--download`")
