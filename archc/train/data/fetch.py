"""Fetches the files of a data set, with torchvision, which checks their MD5."""

from __future__ import annotations

import tarfile
from typing import Final
from urllib.error import URLError

from archc.train.data.find import cache
from archc.train.faults import fault
from archc.train.settings import Settings

CIFAR: Final = "https://www.cs.toronto.edu/~kriz/"
ARCHIVES: Final = {
    "cifar10": ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
    "cifar100": ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
}


def fetch(name: str, settings: Settings) -> None:
    """Put the files of a data set into the cache. Raises SpecError where that fails."""
    try:
        from torchvision import datasets
        from torchvision.datasets.utils import download_and_extract_archive

        cache().mkdir(parents=True, exist_ok=True)
        if name in ARCHIVES:
            archive, md5 = ARCHIVES[name]
            download_and_extract_archive(CIFAR + archive, str(cache()), md5=md5)
        else:
            kind = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
            kind(str(cache()), download=True)
    except ModuleNotFoundError as error:
        help = "run `pip install 'archc-compiler[train]'`"
        raise fault("A0705", f"this needs the package `{error.name}`", settings.spans["data"], help) from None
    except (URLError, RuntimeError, OSError, tarfile.TarError) as error:
        why = str(getattr(error, "reason", error)).strip().splitlines()[0][:200]
        help = "give the folder of its files by `--data DIR`"
        raise fault("A0802", f"`{name}` cannot be fetched: {why}", settings.spans["data"], help) from None
