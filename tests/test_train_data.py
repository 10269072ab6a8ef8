"""Data is found, read and changed as the spec says; what is not as it should be is told before the first step."""

from __future__ import annotations

import errno
import gzip
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightning")

import torch
from test_pages import idx
from training import LINEAR, losses, train, write

from archc.api import load_with
from archc.diagnostics import SpecError
from archc.spec.datasets import DATA_SETS
from archc.train.batches import Batches, Share
from archc.train.chance import batch_seed, order, uniform
from archc.train.data import Data, Places, load_data
from archc.train.data.examples import Held
from archc.train.data.find import DEBIAN
from archc.train.data.folder import Files, read_picture
from archc.train.data.idx import Malformed, read_idx
from archc.train.pictures import Pictures
from archc.train.settings import Settings, settings_of

PICTURES = """\
archc: 1
name: net
input: {channels: %(channels)d, height: %(size)d, width: %(size)d}
stages:
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: %(classes)d}
train:
  data: %(data)s
  batch_size: 16
  epochs: 1
  optimizer: {type: sgd, lr: 0.1}
"""


def settings(data: str, channels: int = 1, size: int = 28, classes: int = 10, label: str = "class_index") -> Settings:
    text = PICTURES % {"data": data, "channels": channels, "size": size, "classes": classes}
    return settings_of(load_with("net.yaml", [f"train.label={label}"], text.encode()))


def fault(action: Any) -> str:
    with pytest.raises(SpecError) as caught:
        action()
    (found,) = caught.value.diagnostics
    return f"{found.code} {found.message}"


# -- chance ------------------------------------------------------------------------------------------------------------------


def test_an_order_has_every_example_once_and_depends_on_seed_and_epoch() -> None:
    first = order(0, 0, 1000)
    assert sorted(first) == list(range(1000))
    assert (first == order(0, 0, 1000)).all()
    for other in (order(0, 1, 1000), order(1, 0, 1000)):
        assert (first != other).mean() > 0.9


def test_chances_of_examples_are_uniform_and_their_own() -> None:
    indices = np.arange(20_000)
    numbers = uniform(indices, 0, "crop", 3)
    assert 0 <= numbers.min() < numbers.max() < 1
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(2_000, abs=200)
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
    assert (uniform(indices[::-1], 0, "crop", 3) == numbers[::-1]).all()
    for words in ((0, "crop", 4), (1, "crop", 3), (0, "flip", 3)):
        assert abs(np.corrcoef(numbers, uniform(indices, *words))[0, 1]) < 0.03


def test_seeds_of_batches_differ() -> None:
    seeds = {
        batch_seed(seed, epoch, batch, rank)
        for seed in (0, 1)
        for epoch in (0, 1)
        for batch in (0, 1)
        for rank in (0, 1)
    }
    assert len(seeds) == 16


# -- batches -----------------------------------------------------------------------------------------------------------------


def held(count: int) -> Held:
    return Held(np.arange(count, dtype=np.float32)[:, None], np.arange(count))


@pytest.mark.parametrize("first", [0, 2, 5, 6])
def test_batches_from_any_on_are_those_of_the_whole(first: int) -> None:
    indices = order(0, 0, 23)
    whole = [batch[2].tolist() for batch in Batches(held(23), indices, 4)]
    rest = Batches(held(23), indices, 4, first=first)
    assert len(rest) == 6 - first
    assert [batch[2].tolist() for batch in rest] == whole[first:]
    assert [len(batch) for batch in whole] == [4, 4, 4, 4, 4, 3]
    assert len(Batches(held(23), indices, 4, drop_last=True)) == 5


@pytest.mark.parametrize("world", [2, 3, 5])
def test_processes_share_each_batch(world: int) -> None:
    indices = order(0, 0, 23)
    whole = [batch[2].tolist() for batch in Batches(held(23), indices, 4)]
    shares = [list(Batches(held(23), indices, 4, Share(rank, world))) for rank in range(world)]
    for at, batch in enumerate(whole):
        parts = [share[at] for share in shares]
        assert [one for part in parts if part[3] for one in part[2].tolist()] == batch
        assert sum(part[3] for part in parts) == pytest.approx(world)
        mean = sum(float(part[0].mean()) * part[3] for part in parts) / world
        assert mean == pytest.approx(sum(batch) / len(batch))


# -- files -------------------------------------------------------------------------------------------------------------------


def test_idx_is_read_plain_and_gzipped(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    idx(tmp_path / "plain", values)
    (tmp_path / "packed.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    for name in ("plain", "packed.gz"):
        assert (read_idx(tmp_path / name, (2, 3)) == values).all()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no IDX file"),
        (b"\0\0\x09\x01\0\0\0\0", "no IDX file"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0\0\x01\0", "no IDX file"),
        (b"\0\0\x08\x01\0\0\0\x02\0", "less data"),
        (b"\0\0\x08\x01\0\0\0\x01\0\0", "more data"),
        (b"\0\0\x08\x01\xff\xff\xff\xff\0", "4,294,967,295 bytes"),
    ],
)
def test_what_is_no_idx_is_refused(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(Malformed, match=why):
        read_idx(tmp_path / "file", ())


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    idx(tmp_path / "plain", np.zeros(100, np.uint8))
    packed = gzip.compress((tmp_path / "plain").read_bytes())
    for data in (packed[:-9], packed[:20] + b"\xff" + packed[21:], b"no gzip"):
        (tmp_path / "file.gz").write_bytes(data)
        with pytest.raises(Malformed, match="damaged"):
            read_idx(tmp_path / "file.gz", ())


def write_mnist(
    folder: Path, train: int = 40, test: int = 10, size: int = 28, largest: int = 10, short: int = 0
) -> Path:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        idx(folder / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, size, size), dtype=np.uint8))
        idx(folder / f"{part}-labels-idx1-ubyte", (np.arange(count - short) % largest).astype(np.uint8))
    return folder


def test_a_data_set_is_found_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(tmp_path / "one" / "MNIST" / "raw")
    monkeypatch.setenv("ARCHC_DATA", f"{tmp_path / 'none'}:{tmp_path / 'one'}")
    data = load_data(settings("{type: mnist}"), Places(None))
    assert (len(data.train), len(data.test)) == (40, 10)
    assert data.folder == str(tmp_path / "one" / "MNIST" / "raw")


def test_a_data_set_is_found_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    write_mnist(tmp_path / "archc" / "data" / "mnist")
    assert len(load_data(settings("{type: mnist}"), Places(None)).train) == 40


def test_what_is_not_there_is_said_with_the_places(tmp_path: Path) -> None:
    assert (
        fault(lambda: load_data(settings("{type: mnist}"), Places(tmp_path)))
        == "A0802 the files of MNIST are not there"
    )


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"size": 27}, "its pictures are 27 × 27, those of this data set 28 × 28"),
        ({"largest": 11}, "a label is 10, MNIST has the classes 0 to 9"),
        ({"short": 1}, "there are 40 pictures and 39 labels to train on"),
        ({"test": 0}, "there are no pictures to test on"),
    ],
)
def test_files_that_are_not_the_data_set_are_refused(made: dict[str, int], message: str, tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "mnist", **made)
    found = fault(lambda: load_data(settings("{type: mnist}"), Places(folder)))
    assert found.startswith("A0803")
    assert message in found


def test_a_spec_reads_no_folder_outside_its_own(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    (tmp_path / "specs").mkdir()
    text = PICTURES % {"data": "{type: mnist, path: ../mnist}", "channels": 1, "size": 28, "classes": 10}
    path = write(tmp_path / "specs", text)
    code, output = train(path, "-o", tmp_path / "run")
    assert code == 1
    assert "error[A0802]: `../mnist` lies outside the spec's folder" in output
    assert train(path, "-o", tmp_path / "run", "--data", tmp_path / "mnist").code == 0
    inside = write(tmp_path, text.replace("../mnist", "mnist"))
    assert train(inside, "-o", tmp_path / "other").code == 0
    assert losses(tmp_path / "run") == losses(tmp_path / "other")


def test_cifar_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in [f"data_batch_{at}.bin" for at in range(1, 6)] + ["test_batch.bin"]:
        records = rng.integers(0, 256, (6, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(6)
        records.tofile(tmp_path / name)
    data = load_data(settings("{type: cifar10}", 3, 32), Places(tmp_path))
    assert (len(data.train), len(data.test)) == (30, 6)
    pictures, labels = data.test.get(np.array([1, 5]))
    assert (pictures.numpy() == records[[1, 5], 1:].reshape(2, 3, 32, 32)).all()
    assert labels.tolist() == [1, 5]
    assert data.classes[3] == "cat"


@pytest.mark.parametrize("name", ["data_batch_1.bin", "data_batch_5.bin", "test_batch.bin"])
@pytest.mark.parametrize("size", [6 * 3073 - 1, 3073 + 1, 100, 0])
def test_cifar_that_is_cut_short_is_refused_by_name(name: str, size: int, tmp_path: Path) -> None:
    for at in range(1, 6):
        (tmp_path / f"data_batch_{at}.bin").write_bytes(bytes(6 * 3073))
    (tmp_path / "test_batch.bin").write_bytes(bytes(6 * 3073))
    os.truncate(tmp_path / name, size)
    found = fault(lambda: load_data(settings("{type: cifar10}", 3, 32), Places(tmp_path)))
    why = f"it has {size:,} bytes, which are no whole pictures of 3,073"
    assert found == f"A0803 `{tmp_path / name}` cannot be read: {why}"


def test_digits_are_as_the_language_says() -> None:
    known = DATA_SETS["digits"]
    data = load_data(settings("{type: digits}", 1, 8), Places(None))
    assert (len(data.train), len(data.test)) == (known.train, known.test)
    assert_known_mean("digits", data)


@pytest.mark.skipif(not (DEBIAN / "fashion-mnist").is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_is_as_the_language_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ARCHC_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    known = DATA_SETS["fashion_mnist"]
    data = load_data(settings("{type: fashion_mnist}"), Places(None))
    assert (len(data.train), len(data.test)) == (known.train, known.test)
    assert_known_mean("fashion_mnist", data)


def assert_known_mean(name: str, data: Data) -> None:
    assert isinstance(data.train, Held)
    values = data.train.inputs.double() / 255
    assert float(values.mean()) == pytest.approx(DATA_SETS[name].mean[0], abs=1e-4)
    assert float(values.std()) == pytest.approx(DATA_SETS[name].std[0], abs=1e-4)


def test_a_download_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import datasets

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")

    monkeypatch.setattr(datasets, "MNIST", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = fault(lambda: load_data(settings("{type: mnist}"), Places(None), download=True))
    assert found == "A0802 `mnist` cannot be fetched: Error downloading train-images-idx3-ubyte.gz"


# -- folders of pictures -------------------------------------------------------------------------------------------------------

FOLDER = "{type: image_folder, path: ., channels: 3, height: 12, width: 12, classes: 2, workers: %d}"


def write_folder(root: Path, count: int = 10, kinds: tuple[str, ...] = ("cat", "dog")) -> Path:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for at, kind in enumerate(kinds):
        (root / kind).mkdir(parents=True)
        for number in range(count):
            values = rng.integers(0, 100, (16, 20, 3)) + 100 * at
            image.fromarray(values.astype(np.uint8)).save(root / kind / f"{number}.png")
    return root


@pytest.mark.parametrize("form", ["split", "whole"])
def test_a_folder_of_pictures_is_read(form: str, tmp_path: Path) -> None:
    if form == "split":
        write_folder(tmp_path / "train", 8)
        write_folder(tmp_path / "val", 2)
    else:
        write_folder(tmp_path)
    data = load_data(settings(FOLDER % 0, 3, 12, 2), Places(tmp_path))
    assert (len(data.train), len(data.test), data.classes) == (16, 4, ("cat", "dog"))
    pictures, labels = data.train.get(np.array([0, 15]))
    assert (pictures.shape, pictures.dtype) == ((2, 3, 12, 12), torch.uint8)
    assert labels.tolist() == [0, 1]
    assert pictures[0].float().mean() < 100 < pictures[1].float().mean()


def test_workers_give_the_batches_of_one_process(tmp_path: Path) -> None:
    data = load_data(settings(FOLDER % 0, 3, 12, 2), Places(write_folder(tmp_path)))
    indices = order(0, 0, len(data.train))
    alone, shared = (list(Batches(data.train, indices, 5, workers=workers)) for workers in (0, 2))
    assert len(alone) == len(shared) == 4
    for one, other in zip(alone, shared, strict=True):
        assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(one, other, strict=True))


def test_a_folder_is_trained_on(tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures")
    text = PICTURES % {
        "data": (FOLDER % 1).replace("path: .", "path: pictures"),
        "channels": 3,
        "size": 12,
        "classes": 2,
    }
    code, output = train(write(tmp_path, text), "-o", tmp_path / "run")
    assert code == 0, output
    assert "image_folder: 16 examples to train on, 4 to test on" in output


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (("cat",), "there are 1 folders of classes"),
        (("cat", "dog", "eel"), "there are 3 folders of classes"),
    ],
)
def test_a_folder_with_other_classes_is_refused(kinds: tuple[str, ...], message: str, tmp_path: Path) -> None:
    found = fault(lambda: load_data(settings(FOLDER % 0, 3, 12, 2), Places(write_folder(tmp_path, 2, kinds))))
    assert message in found


def test_a_picture_that_cannot_be_read_ends_the_run_by_its_name(tmp_path: Path) -> None:
    write_folder(tmp_path / "pictures")
    (tmp_path / "pictures" / "dog" / "3.png").write_bytes(b"no picture")
    for workers in (0, 1):
        data = (FOLDER % workers).replace("path: .", "path: pictures")
        text = PICTURES % {"data": data, "channels": 3, "size": 12, "classes": 2}
        code, output = train(write(tmp_path, text), "-o", tmp_path / f"run{workers}")
        assert code == 1
        assert "error[A0803]" in output
        assert "3.png` is no picture" in output


RAMP = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
"""Each of 256 levels, in 16 bits."""


def wide(kind: str, values: np.ndarray[Any, Any]) -> bytes:
    """A grey picture with more than 8 bits."""
    image = pytest.importorskip("PIL.Image")
    stream = io.BytesIO()
    if kind == "PGM of 16 bits":
        return b"P5 16 16 65535 " + values.astype(">u2").tobytes()
    if kind == "TIFF of another order of bytes":
        return _tiff(values, ">")
    if kind == "TIFF of 12 bits":
        return _tiff(values >> 4, "<", bits=12)
    if kind == "TIFF where 0 is white":
        return _tiff(65535 - values, "<", photometric=0)
    image.fromarray(values).save(stream, kind)
    return stream.getvalue()


def _tiff(values: np.ndarray[Any, Any], order: str, bits: int = 16, photometric: int = 1) -> bytes:
    """One strip without compression, as TIFF 6.0 has it."""
    if bits == 12:
        pairs = values.reshape(-1, 2).astype(np.uint32)
        packed = (pairs[:, 0] << 12) | pairs[:, 1]
        data = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], 1).astype(np.uint8).tobytes()
    else:
        data = values.astype(f"{order}u2").tobytes()
    height, width = values.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height, 279: len(data)}
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data))
    return head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


KINDS = (
    "PNG",
    "TIFF",
    "PGM of 16 bits",
    "TIFF of another order of bytes",
    "TIFF of 12 bits",
    "TIFF where 0 is white",
)


@pytest.mark.parametrize("form", ["L", "RGB", "RGBA"])
@pytest.mark.parametrize("kind", KINDS)
def test_of_more_than_eight_bits_the_upper_ones_are_taken(kind: str, form: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(wide(kind, RAMP))
    found = read_picture(tmp_path / "a.png", form, None)
    assert (found[0] == RAMP >> 8).all()
    assert {"L": 1, "RGB": 3, "RGBA": 4}[form] == len(found)
    assert all((channel == found[0]).all() for channel in found[:3])


def test_colours_of_sixteen_bits_are_taken_alike(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in RAMP)
    head = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert (read_picture(tmp_path / "a.png", "RGB", None) == RAMP >> 8).all()


@pytest.mark.parametrize(
    ("dtype", "says"), [(np.int32, "whole numbers of 32 bits"), (np.float32, "decimal numbers as pixels")]
)
def test_pixels_without_a_scale_are_refused(dtype: type, says: str, tmp_path: Path) -> None:
    for kind in ("cat", "dog"):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for at in range(5):
            (tmp_path / "pictures" / kind / f"{at}.tif").write_bytes(wide("TIFF", RAMP.astype(dtype)))
    text = PICTURES % {
        "data": (FOLDER % 0).replace("path: .", "path: pictures"),
        "channels": 3,
        "size": 12,
        "classes": 2,
    }
    code, output = train(write(tmp_path, text), "-o", tmp_path / "run")
    assert code == 1
    assert "error[A0803]" in output
    assert f".tif` has {says}" in output
    assert "save it with 8 or 16 bits" in output


def test_pictures_are_scaled_by_pillow(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    write_folder(tmp_path, 1)
    path = tmp_path / "cat" / "0.png"
    wanted = np.asarray(image.open(path).resize((5, 7), image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert (read_picture(path, "RGB", (5, 7)) == wanted).all()
    assert Files.in_memory is False


LONG = "a" * 300


@pytest.mark.parametrize("data", ["{type: mnist}", "{type: cifar10}", FOLDER % 0])
def test_a_folder_that_cannot_be_read_is_told(data: str, tmp_path: Path) -> None:
    channels, size = {"{type: mnist}": (1, 28), "{type: cifar10}": (3, 32)}.get(data, (3, 12))
    classes = 2 if size == 12 else 10
    path = write(tmp_path, PICTURES % {"data": data, "channels": channels, "size": size, "classes": classes})
    code, output = train(path, "-o", tmp_path / "run", "--data", tmp_path / LONG)
    assert code == 1
    assert output.startswith(f"error[A0802]: `{tmp_path / LONG}")
    assert "cannot be read: file name too long" in output


def test_a_folder_within_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one without the right to list it has it, which cannot be taken from an administrator."""
    write_folder(tmp_path)
    original = Path.iterdir

    def refuse(path: Path) -> Any:
        if path == tmp_path / "dog":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    found = fault(lambda: load_data(settings(FOLDER % 0, 3, 12, 2), Places(tmp_path)))
    assert found == f"A0802 `{tmp_path / 'dog'}` cannot be read: permission denied"


# -- what is done to pictures ---------------------------------------------------------------------------------------------------


def batch(count: int = 6, channels: int = 1, size: int = 28) -> torch.Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy(rng.integers(0, 256, (count, channels, size, size), dtype=np.uint8))


@pytest.mark.parametrize("size", [14, 28, 32, 96, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_scaling_is_that_of_torchvision_on_pillows_pictures(size: int, channels: int) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    pictures = batch(channels=channels)
    ours = Pictures(0, (size, size))(pictures, torch.arange(6), None)
    to_pil = transforms.ToPILImage()
    resize = transforms.Compose([to_pil, transforms.Resize(size), transforms.ToTensor()])
    theirs = torch.stack([resize(picture) for picture in pictures])
    assert float((ours - theirs).abs().max()) <= 1 / 255 + 1e-6
    assert float(((ours - theirs).abs() > 1e-6).float().mean()) < 0.01


def test_values_are_those_of_to_tensor_and_normalize() -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    pictures = batch(channels=3)
    ours = Pictures(0, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))(pictures, torch.arange(6), None)
    theirs = transforms.Normalize((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))(pictures.float() / 255)
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_changes_are_crops_and_mirrors_of_the_picture() -> None:
    pictures, indices = batch(200, 2, 6), torch.arange(100, 300)
    changes = Pictures(0, horizontal_flip=0.5, vertical_flip=0.25, crop_padding=2)
    made = (changes(pictures, indices, 5) * 255).round().to(torch.uint8)
    padded = torch.nn.functional.pad(pictures, (2, 2, 2, 2))
    seen: dict[tuple[int, int, bool, bool], int] = {}
    for before, after in zip(padded, made, strict=True):
        found = [
            (y, x, down, across)
            for y in range(5)
            for x in range(5)
            for down in (False, True)
            for across in (False, True)
            if torch.equal(after, mirrored(before[:, y : y + 6, x : x + 6], down, across))
        ]
        assert found
        seen[found[0]] = seen.get(found[0], 0) + 1
    assert {key[:2] for key in seen} == {(y, x) for y in range(5) for x in range(5)}
    assert sum(count for key, count in seen.items() if key[3]) == pytest.approx(100, abs=25)
    assert sum(count for key, count in seen.items() if key[2]) == pytest.approx(50, abs=20)


def mirrored(picture: torch.Tensor, down: bool, across: bool) -> torch.Tensor:
    return picture.flip([axis for axis, is_flipped in ((1, down), (2, across)) if is_flipped])


def test_changes_are_each_pictures_own_whatever_the_batch() -> None:
    pictures, indices = batch(8), torch.arange(8)
    changes = Pictures(0, horizontal_flip=0.5, crop_padding=3)
    whole = changes(pictures, indices, 1)
    assert torch.equal(changes(pictures[3:5], indices[3:5], 1), whole[3:5])
    assert not torch.equal(changes(pictures, indices, 2), whole)
    assert torch.equal(changes(pictures, indices, None), pictures.float() / 255)


# -- made-up data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "label", "inputs", "labels"),
    [
        ("{type: synthetic, features: 6, classes: 3}", "class_index", (6,), ()),
        ("{type: synthetic, features: 6, classes: 3}", "one_hot", (6,), (3,)),
        ("{type: synthetic, features: 6}", "{type: float, shape: [2]}", (6,), (2,)),
        ("{type: synthetic, channels: 2, length: 9, classes: 3}", "map", (2, 9), (9,)),
        ("{type: synthetic, channels: 2, height: 4, width: 5, classes: 3}", "map", (2, 4, 5), (4, 5)),
    ],
)
def test_made_up_examples_have_the_shapes_of_the_spec(
    data: str, label: str, inputs: tuple[int, ...], labels: tuple[int, ...]
) -> None:
    text = LINEAR.replace("{type: synthetic, features: 6, classes: 3, examples: 96}", data)
    found = load_with("net.yaml", [f"train.label={label}"], text.encode())
    train_data = found.loaded.tree
    assert train_data is not None
    made = load_data(_unchecked(data, label), Places(None))
    x, y = made.train.get(np.arange(4))
    assert (x.shape, y.shape) == ((4, *inputs), (4, *labels))
    assert (len(made.train), len(made.test)) == (1024, 256)


def _unchecked(data: str, label: str) -> Settings:
    """Settings of a network that takes the data."""
    size = (
        "{features: 6}"
        if "features" in data
        else "{channels: 2, length: 9}"
        if "length" in data
        else "{channels: 2, height: 4, width: 5}"
    )
    is_map, count = label == "map", 2 if "float" in label else 3
    last = (
        f"{{type: conv, out_channels: {count}, kernel_size: 1}}"
        if is_map
        else f"{{type: linear, out_features: {count}}}"
    )
    loss = "mse" if "float" in label else "cross_entropy"
    text = f"archc: 1\nname: net\ninput: {size}\nstages:\n  - {last}\ntrain:\n  data: {data}\n  label: {label}\n  loss: {loss}\n"
    return settings_of(
        load_with("net.yaml", [], (text + "  batch_size: 4\n  epochs: 1\n  optimizer: {type: sgd, lr: 1}\n").encode())
    )


def test_too_much_made_up_data_is_refused_before_it_is_made() -> None:
    data = "{type: synthetic, features: 6, classes: 3, examples: 2000000000}"
    assert fault(lambda: load_data(_unchecked(data, "class_index"), Places(None))).startswith("A0003")
