"""Pictures with maps as labels: read, changed alike, trained on and tested, and refused where they do not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightning")

import torch
from PIL import Image
from sklearn.metrics import accuracy_score, jaccard_score
from torch.nn import functional
from training import best, losses, train, write

from archc.api import load_with
from archc.cli import main
from archc.diagnostics import SpecError
from archc.train.batches import Batches
from archc.train.chance import batch_seed, order
from archc.train.data import Data, Places, load_data
from archc.train.data.maps import read_map
from archc.train.pictures import pictures_of
from archc.train.settings import Settings, settings_of

SPEC = """\
archc: 1
name: pixels
input: {channels: 1, height: 12, width: 12}
stages:
  - {name: conv1, type: conv, out_channels: 8, kernel_size: 3, padding: 1}
  - {name: act, type: relu}
  - {name: conv2, type: conv, out_channels: 3, kernel_size: 3, padding: 1}
train:
  data: {type: image_folder, path: data, channels: 1, height: 12, width: 12, classes: 3, workers: 0, horizontal_flip: 0.5, vertical_flip: 0.5, crop_padding: 2}
  label: {type: map, ignore_index: 255}
  batch_size: 8
  epochs: 2
  optimizer: {type: sgd, lr: 0.3}
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def write_pairs(folder: Path, count: int = 20, size: int = 12, ignored: bool = True) -> Path:
    """Pictures whose grey is 80 times the class, and their maps; a tenth of the pixels has no class."""
    rng = np.random.default_rng(1)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for at in range(count):
        classes = rng.integers(0, 3, (size, size), dtype=np.uint8)
        Image.fromarray(classes * 80).save(folder / "images" / f"{at:02}.png")
        if ignored:
            classes[rng.random((size, size)) < 0.1] = 255
        Image.fromarray(classes).save(folder / "masks" / f"{at:02}.png")
    return folder


def given(*pairs: str) -> Settings:
    return settings_of(load_with("net.yaml", list(pairs), SPEC.encode()))


def load(folder: Path, *pairs: str) -> Data:
    return load_data(given(*pairs), Places(folder))


def pixels(data: Data, epoch: int | None, settings: Settings) -> tuple[torch.Tensor, torch.Tensor]:
    """The pictures to train on as bytes, and their maps, both changed as in an epoch."""
    every = np.arange(len(data.train))
    inputs, labels = data.train.get(every)
    pictures, at = pictures_of(settings, data), torch.from_numpy(every)
    return (pictures(inputs, at, epoch) * 255).round().long()[:, 0], pictures.labels(labels, at, epoch)


def test_a_map_is_changed_as_its_picture_is(tmp_path: Path) -> None:
    settings = given()
    data = load(write_pairs(tmp_path, ignored=False))
    plain, _ = pixels(data, None, settings)
    greys, labels = pixels(data, 0, settings)
    assert not torch.equal(greys, plain)
    around = labels == 255
    assert 0.05 < around.float().mean() < 0.35  # 1 - (1 - 1.2 / 12)² is 0.19
    assert (greys[around] == 0).all()
    assert torch.equal(greys[~around], labels[~around] * 80)
    greys, labels = pixels(data, None, settings)
    assert torch.equal(greys, labels * 80)


@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (12, 12), (32, 40)])
def test_a_map_is_scaled_by_its_nearest_pixels(rows: int, columns: int, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 200, (12, 9), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    y = ((np.arange(rows) + 0.5) * 12 / rows).astype(int)
    x = ((np.arange(columns) + 0.5) * 9 / columns).astype(int)
    np.testing.assert_array_equal(read_map(tmp_path / "a.png", (columns, rows)), values[y][:, x])


@pytest.mark.parametrize("form", ["palette", "16 bits", "1 bit"])
def test_a_map_is_numbers_in_any_form(form: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2, (6, 4), dtype=np.uint8)
    picture = Image.fromarray(values)
    if form == "palette":
        picture = Image.fromarray(values, "P")
        picture.putpalette([10, 20, 30, 200, 100, 0])
    elif form == "16 bits":
        values = values.astype(np.uint16) * 300
        picture = Image.fromarray(values)
    else:
        picture = Image.fromarray(values * 255).convert("1")
    picture.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_map(tmp_path / "a.png"), values)


@pytest.mark.parametrize("form", ["apart", "together"])
def test_pictures_and_maps_are_found(form: str, tmp_path: Path) -> None:
    if form == "apart":
        write_pairs(tmp_path / "train", 8)
        write_pairs(tmp_path / "val", 3)
    else:
        write_pairs(tmp_path, 11)
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == ((8, 3) if form == "apart" else (9, 2))
    inputs, labels = data.train.get(np.array([0, 1]))
    assert (inputs.shape, inputs.dtype) == ((2, 1, 12, 12), torch.uint8)
    assert (labels.shape, labels.dtype) == ((2, 12, 12), torch.int64)
    assert data.classes == ("0", "1", "2")


def replace(folder: Path, name: str, values: Any) -> None:
    Image.fromarray(np.array(values, np.uint8)).save(folder / "masks" / name)


BLACK = np.zeros((12, 12))
FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "another size": (
        lambda at: replace(at, "07.png", np.zeros((12, 11))),
        "07.png` has 12 × 11 pixels, its picture 12 × 12",
        "make the map of the picture's size",
    ),
    "another class": (
        lambda at: replace(at, "07.png", BLACK + 4),
        "07.png` has the class 4 in 144 pixels, the classes are 0 to 2",
        "only 255 is left out",
    ),
    "colours": (lambda at: replace(at, "07.png", np.zeros((12, 12, 3))), "07.png` has colours (`RGB`)", "mend or"),
    "no picture": (lambda at: (at / "masks" / "07.png").write_bytes(b"x"), "07.png` is no picture", "mend or remove"),
    "no map": (lambda at: (at / "masks" / "07.png").unlink(), "images/07.png` has no file of its name in", "add `07`"),
    "a map alone": (lambda at: (at / "images" / "07.png").unlink(), "masks/07.png` has no file", "add `07`"),
    "two of a name": (
        lambda at: (at / "images" / "07.bmp").write_bytes((at / "images" / "07.png").read_bytes()),
        "have one name",
        "rename one",
    ),
    "no folder": (lambda at: (at / "masks").rename(at / "labels"), "there is no folder", "put pictures into `images`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_does_not_fit_is_refused_by_name(name: str, tmp_path: Path) -> None:
    act, message, help = FAULTS[name]
    act(write_pairs(tmp_path))
    with pytest.raises(SpecError) as error:
        load(tmp_path)
    found = error.value.diagnostics[0]
    assert found.code == "A0803"
    assert message in found.message
    assert help in (found.help or "")


def test_pixels_without_a_class_need_a_number(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path)
    with pytest.raises(SpecError, match="`crop_padding` puts pixels around a map that have no class"):
        load(folder, "train.label=map")
    with pytest.raises(SpecError, match=r"has the class 255 in \d+ pixels") as error:
        load(folder, "train.label=map", "train.data.crop_padding=0")
    assert "ignore_index: 255" in (error.value.diagnostics[0].help or "")


def test_the_losses_are_those_of_a_loop_by_hand(tmp_path: Path) -> None:
    write_pairs(tmp_path / "data")
    code, output = train(write(tmp_path, SPEC), "-o", tmp_path / "run")
    assert code == 0, output
    assert "image_folder: 16 examples to train on, 4 to test on" in output
    spec = load_with("net.yaml", [], SPEC.encode())
    settings = given()
    data, net = load(tmp_path / "data"), spec.to_torch(seed=0)
    pictures, optimizer = pictures_of(settings, data), torch.optim.SGD(net.parameters(), lr=0.3)
    found = []
    for epoch in range(2):
        for batch, (inputs, labels, at, _) in enumerate(Batches(data.train, order(0, epoch, 16), 8)):
            torch.manual_seed(batch_seed(0, epoch, batch))
            outputs = net(pictures(inputs, at, epoch))
            wanted = pictures.labels(labels, at, epoch)
            loss = functional.cross_entropy(outputs, wanted, ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
    np.testing.assert_allclose(losses(tmp_path / "run"), found, rtol=1e-6)


def test_an_evaluation_is_that_of_scikit_learn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pairs(tmp_path / "data")
    assert train(write(tmp_path, SPEC), "-o", tmp_path / "run")[0] == 0
    capsys.readouterr()
    assert main(["compile", str(tmp_path / "run"), "--onnx", "-o", str(tmp_path / "net.onnx")]) == 0
    net = (
        load_with("net.yaml", [], SPEC.encode())
        .to_torch({name: one.numpy() for name, one in best(tmp_path / "run").items()})
        .eval()
    )
    inputs, labels = load(tmp_path / "data").test.get(np.arange(4))
    with torch.no_grad():
        outputs = net(inputs.float() / 255)
    there = labels != 255
    wanted, told = labels[there].numpy(), outputs.argmax(1)[there].numpy()
    for model in ("run", "net.onnx"):
        capsys.readouterr()
        words = [str(tmp_path / model), "--data", str(tmp_path / "data"), "--format", "json"]
        assert main(["evaluate", *words]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["examples"] == 4
        assert found["accuracy"] == pytest.approx(accuracy_score(wanted, told), abs=1e-9)
        assert found["mean_iou"] == pytest.approx(jaccard_score(wanted, told, average="macro"), abs=1e-9)
        assert found["loss"] == pytest.approx(
            functional.cross_entropy(outputs, labels, ignore_index=255).item(), rel=1e-5
        )


def test_a_batch_without_classes_ends_nothing(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "data")
    for path in (folder / "masks").iterdir():
        replace(folder, path.name, BLACK + 255)
    code, output = train(write(tmp_path, SPEC), "-o", tmp_path / "run")
    assert code == 0, output
    assert losses(tmp_path / "run") == [0.0] * 4
