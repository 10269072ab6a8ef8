"""What was trained is what is tested, shipped and asked: `evaluate`, `predict` and `compile` of a run."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("lightning")
pytest.importorskip("onnxruntime")

import numpy as np
import onnx
import onnxruntime
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix, top_k_accuracy_score
from training import LINEAR, SPEC, train, write

import archc
from archc.api import load_compiled
from archc.cli import main
from archc.ir.text import to_text
from archc.train.checkpoint import read_checkpoint
from archc.train.data import Data
from archc.train.data.folder import read_picture
from archc.train.ends import ends_of
from archc.train.layout import BEST, checkpoint_names
from archc.train.pictures import Pictures, pictures_of
from archc.train.settings import settings_of

HEADS = SPEC.replace(
    "train:\n",
    "outputs: {features: flatten, logits: fc}\ntrain:\n  loss: {type: cross_entropy, weights: {features: 0.0}}\n",
)


class Printed(NamedTuple):
    code: int
    out: str
    err: str


def archc_(*args: str | Path) -> Printed:
    """`archc ...` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(map(str, args)))
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Printed(code, out.getvalue(), err.getvalue())


def evaluated(*args: str | Path) -> dict[str, Any]:
    code, out, err = archc_("evaluate", *args, "--format", "json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on digits, whose best weights are an average, and the ONNX file that was compiled from it."""
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)
    text = SPEC.replace("epochs: 2", "epochs: 4").replace("crop_padding: 1", "normalize: true")
    assert train(write(folder, text), "-o", folder / "run").code == 0
    assert archc_("compile", folder / "run", "--onnx", folder / "net.onnx").code == 0
    return folder


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    """The pictures to test on, uint8 (N, 8, 8), and their classes."""
    pictures, labels = load_digits(return_X_y=True)
    levels = np.rint(pictures * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
    return levels[4::5], labels[4::5]


def metrics(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# -- evaluate ---------------------------------------------------------------------------------------------------------------


def test_the_best_and_the_last_weights_do_what_the_run_said(trained: Path) -> None:
    rows = metrics(trained / "run")
    best = max(rows, key=lambda row: float(row["test_accuracy"]))
    for row, args in ((best, ()), (rows[-1], ("--last",))):
        found = evaluated(trained / "run", *args)
        assert found["accuracy"] == float(row["test_accuracy"])
        assert found["loss"] == pytest.approx(float(row["test_loss"]), rel=1e-6)
    assert float(best["test_accuracy"]) > 0.5


def test_an_onnx_file_agrees_to_the_last_picture(trained: Path) -> None:
    one, other = evaluated(trained / "run"), evaluated(trained / "net.onnx")
    same = ("name", "data", "examples", "accuracy", "top5_accuracy", "classes", "confusion")
    assert [one[key] for key in same] == [other[key] for key in same]
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_figures_are_those_of_another_library(trained: Path, digits: tuple[Any, Any]) -> None:
    pictures, labels = digits
    session = onnxruntime.InferenceSession(str(trained / "net.onnx"), providers=["CPUExecutionProvider"])
    inputs = (pictures[:, None].astype(np.float32) / 255 - 0.3059) / 0.3763
    (outputs,) = session.run(None, {"input": inputs.astype(np.float32)})
    found = evaluated(trained / "run")
    assert found["confusion"] == confusion_matrix(labels, outputs.argmax(1)).tolist()
    assert found["top5_accuracy"] == top_k_accuracy_score(labels, outputs, k=5)
    assert found["accuracy"] == pytest.approx((outputs.argmax(1) == labels).mean())


def test_json_has_stable_names(trained: Path) -> None:
    found = evaluated(trained / "run", "-o", "c.png")
    assert list(found) == [
        "name", "model", "data", "examples", "loss", "accuracy", "top5_accuracy", "mean_iou", "classes", "confusion", "picture",
    ]  # fmt: skip
    assert (found["name"], found["data"], found["examples"]) == ("small", "digits", 359)
    assert found["classes"] == list("0123456789")
    assert sum(map(sum, found["confusion"])) == 359


def test_the_picture_lies_beside_what_was_tested(trained: Path) -> None:
    assert evaluated(trained / "run")["picture"] == str(trained / "run" / "confusion.png")
    code, out, _ = archc_("evaluate", trained / "net.onnx")
    assert code == 0
    assert out.splitlines()[-1] == f"wrote {trained / 'net-confusion.png'}"
    assert evaluated(trained / "net.onnx", "-o", "mine.png")["picture"] == "mine.png"
    for path in (trained / "run" / "confusion.png", trained / "net-confusion.png", Path("mine.png")):
        with Image.open(path, formats=["PNG"]) as picture:
            assert min(picture.size) > 300


def test_what_it_says(trained: Path) -> None:
    found = evaluated(trained / "run")
    first, second, third, _ = archc_("evaluate", trained / "run").out.splitlines()
    assert first == f"{found['model']} on digits, 359 examples to test on"
    numbers = (found[key] for key in ("loss", "accuracy", "top5_accuracy"))
    assert second == "loss {:.4f}, accuracy {:.4f}, top-5 accuracy {:.4f}".format(*numbers)
    most = max(n for row, counts in enumerate(found["confusion"]) for at, n in enumerate(counts) if at != row)
    assert third.startswith("most often it took ")
    assert f"({most})" in third.partition(",")[0]


def test_a_spec_is_tested_with_weights_from_a_file_or_a_run(trained: Path) -> None:
    assert archc_("compile", trained / "run", "--torch", "w.safetensors").code == 0
    best = evaluated(trained / "run", "-o", "a.png")
    for weights in ("w.safetensors", trained / "run"):
        found = evaluated(trained / "net.yaml", "--weights", weights, "-o", "b.png")
        assert {**found, "model": "", "picture": ""} == {**best, "model": "", "picture": ""}


@pytest.mark.parametrize(
    ("train_section", "classes", "accuracy"),
    [
        ("loss: bce_with_logits\n  label: {type: float, shape: [1]}", 2, True),
        ("loss: mse\n  label: {type: float, shape: [1]}", None, False),
    ],
)
def test_labels_that_are_numbers(train_section: str, classes: int | None, accuracy: bool, tmp_path: Path) -> None:
    text = LINEAR.replace("out_features: 3", "out_features: 1").replace("batch_size", f"{train_section}\n  batch_size")
    text = text.replace("classes: 3, ", f"classes: {classes}, " if classes else "")
    code, output = train(write(tmp_path, text), "-o", "run")
    assert code == 0, output
    row = metrics(Path("run"))[-1]
    found = evaluated("run", "--last")
    assert found["loss"] == pytest.approx(float(row["test_loss"]), rel=1e-6)
    assert (found["accuracy"] is not None) == accuracy
    assert len(found["confusion"]) == (2 if accuracy else 0)
    assert (found["picture"] is not None) == accuracy
    assert archc_("evaluate", "run").code == 0
    asked = archc_("predict", "run", "x.png")
    assert asked.code == 1
    assert "error[A0810]: the network was not trained on pictures of classes" in asked.err


def test_the_output_that_tells_classes_is_the_one_that_was_trained(tmp_path: Path) -> None:
    assert train(write(tmp_path, HEADS), "-o", "run").code == 0
    assert archc_("compile", "run", "--onnx", "net.onnx").code == 0
    one, other = evaluated("run"), evaluated("net.onnx")
    assert one["confusion"] == other["confusion"]
    assert one["accuracy"] == max(float(row["test_accuracy"]) for row in metrics(Path("run")))
    metadata = {entry.key: entry.value for entry in onnx.load("net.onnx").metadata_props}
    assert json.loads(metadata["archc.output"]) == {"index": 1, "probabilities": "softmax"}
    Image.new("L", (8, 8), 200).save("grey.png")
    found = [archc_("predict", model, "grey.png").out for model in ("run", "net.onnx")]
    assert found[0] == found[1]


# -- compile ----------------------------------------------------------------------------------------------------------------


def test_what_ships_is_the_average_of_the_best_epoch(trained: Path) -> None:
    folder = trained / "run" / "checkpoints"
    state = read_checkpoint(folder / checkpoint_names(folder, BEST)[-1]).tensors
    model = onnx.load(trained / "net.onnx")
    shipped = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert all(np.array_equal(shipped[name], state[name].numpy()) for name in ("conv.weight", "fc.bias", "bn.bias"))
    code, out, _ = archc_("compile", trained / "run", "--onnx", "again.onnx")
    assert code == 0
    epoch = checkpoint_names(folder, BEST)[-1].rpartition("-")[2].partition(".")[0]
    assert f"the weights are those of epoch {epoch}, the best of {trained / 'run'}\n" in out
    assert "next: archc predict again.onnx IMAGE..., or onnxruntime." in out
    assert Path("again.onnx").read_bytes() == (trained / "net.onnx").read_bytes()


def test_the_metadata_says_what_goes_in_and_what_comes_out(trained: Path) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load(trained / "net.onnx").metadata_props}
    told = {key: json.loads(metadata[f"archc.{key}"]) for key in ("classes", "input", "normalize", "output")}
    size = {"channels": 1, "height": 8, "width": 8, "form": "L"}
    assert told == {
        "classes": list("0123456789"),
        "input": {**size, "resize": "torch", "divide_by": 255},
        "normalize": {"mean": [0.3059], "std": [0.3763]},
        "output": {"index": 0, "probabilities": "softmax"},
    }


def test_a_spec_takes_the_weights_of_a_run(trained: Path) -> None:
    assert archc_("compile", trained / "net.yaml", "--onnx", "a.onnx", "--weights", trained / "run").code == 0
    one, other = onnx.load("a.onnx"), onnx.load(trained / "net.onnx")
    assert one.graph == other.graph
    keep = {"archc.classes", "archc.input", "archc.normalize", "archc.output"}
    told = [{e.key: e.value for e in model.metadata_props if e.key in keep} for model in (one, other)]
    assert told[0] == told[1]
    assert len(told[0]) == 4


def test_random_weights_say_nothing_of_pictures(trained: Path) -> None:
    assert archc_("compile", trained / "net.yaml", "--onnx", "a.onnx").code == 0
    assert {entry.key for entry in onnx.load("a.onnx").metadata_props} == {"archc.spec", "archc.spec.sha256"}
    Image.new("L", (8, 8)).save("x.png")
    code, _, err = archc_("predict", "a.onnx", "x.png")
    assert code == 1
    assert "error[A0810]" in err


def test_shipping_a_run_needs_no_torch(trained: Path) -> None:
    work = f"from archc.cli import main\nassert main(['compile', {str(trained / 'run')!r}, '--onnx', 'x.onnx']) == 0"
    code = f"import sys\n{work}\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_int8_is_calibrated_on_what_a_run_was_trained_on(trained: Path, tmp_path: Path) -> None:
    code, out, err = archc_("compile", trained / "run", "--onnx", tmp_path / "int8.onnx", "--int8")
    assert code == 0
    assert "random input" not in err
    assert "the ranges of int8 come from 256 examples of digits\n" in out
    told = re.search(r"accuracy on (\d+) examples to test on: float32 (.*)%, int8 (.*)%", out)
    assert told is not None
    evaluated = [archc_("evaluate", path, "--format", "json") for path in (trained / "run", tmp_path / "int8.onnx")]
    assert int(told[1]) == 359
    for shown, one in zip(told.groups()[1:], evaluated, strict=True):
        assert float(shown) == pytest.approx(100 * json.loads(one.out)["accuracy"], abs=0.051)
    assert float(told[3]) > float(told[2]) - 2


def test_int8_without_the_spec_s_data_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archc.train.data.find.DEBIAN", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ARCHC_DATA", raising=False)
    code, _, err = archc_("compile", "fashion_mnist/lenet_bn", "--onnx", tmp_path / "x.onnx", "--int8")
    assert code == 0
    first, second = err.splitlines()
    assert first.startswith("no examples of the spec's data set: ")
    assert second.startswith("the ranges of int8 come from random input")


def test_weights_of_another_network_are_refused(trained: Path, tmp_path: Path) -> None:
    other = write(tmp_path, SPEC.replace("out_channels: 4", "out_channels: 5"))
    code, _, err = archc_("compile", other, "--onnx", "--weights", trained / "run")
    assert code == 1
    assert "error[A0702]" in err
    assert not Path("small.onnx").exists()


@pytest.mark.parametrize("params", [{}, {"num_classes": 7}])
def test_a_compiled_file_tells_its_spec(params: dict[str, int], tmp_path: Path) -> None:
    text = "archc: 1\nextends: fashion_mnist/lenet_bn\nname: mine\nstages: [{name: relu, type: relu}]\ntrain: null\n"
    spec = archc.load(write(tmp_path, text), **params)
    again = load_compiled(spec.metadata(), "x.onnx")
    assert to_text(again.graph) == to_text(spec.graph)


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"archc.spec": "archc: 1\nextends: lenet_bn\n"}, "does not hold the spec that its own extends"),
        ({"archc.spec": "stages: ["}, "A0004"),
        ({"archc.spec": "x" * 300_000}, "larger than 256 KiB"),
        ({"archc.spec": "", **{f"archc.extends.{at}": "a: 1" for at in range(1, 12)}}, "extends more than 8 others"),
        ({"archc.spec": "archc: 1\nname: a\n", "archc.params": "{"}, "A0102"),
        ({"archc.spec": "\ud800"}, "A0002"),
    ],
)
def test_a_spec_in_a_strange_file_is_refused(metadata: dict[str, str], says: str) -> None:
    found = load_compiled(metadata, "x.onnx").check()
    assert found
    assert any(says in f"{one.code} {one.message}" for one in found)


# -- predict ----------------------------------------------------------------------------------------------------------------


def saved(pictures: Any, count: int = 40) -> list[str]:
    names = [f"{at}.png" for at in range(count)]
    for name, picture in zip(names, pictures, strict=False):
        Image.fromarray(picture).save(name)
    return names


def asked(*args: str | Path) -> list[dict[str, Any]]:
    code, out, err = archc_("predict", *args, "--format", "json")
    assert (code, err) == (0, "")
    found: list[dict[str, Any]] = json.loads(out)
    return found


def test_predictions_are_those_of_the_network(trained: Path, digits: tuple[Any, Any]) -> None:
    names = saved(digits[0])
    inputs = torch.from_numpy(digits[0][:40, None].astype(np.float32)).div(255).sub(0.3059).div(0.3763)
    folder = trained / "run" / "checkpoints"
    state = read_checkpoint(folder / checkpoint_names(folder, BEST)[-1]).tensors
    net = archc.load(trained / "run" / "spec.yaml").to_torch()
    net.load_state_dict(state)
    with torch.no_grad():
        wanted = net.eval()(inputs).softmax(1).numpy()
    for model in (trained / "run", trained / "net.onnx"):
        found = asked(model, *names, "--top", "10")
        assert [one["file"] for one in found] == names
        for one, row in zip(found, wanted, strict=True):
            assert list(one) == ["file", "classes"]
            assert one["classes"][0]["index"] == row.argmax()
            assert all(guess["class"] == str(guess["index"]) for guess in one["classes"])
            told = {guess["index"]: guess["probability"] for guess in one["classes"]}
            assert [told[at] for at in range(10)] == pytest.approx(row.tolist(), abs=1e-5)


def test_a_line_for_each_picture(trained: Path, digits: tuple[Any, Any]) -> None:
    names = saved(digits[0], 12)
    code, out, _ = archc_("predict", trained / "net.onnx", *names, "--top", "2")
    assert code == 0
    found = asked(trained / "net.onnx", *names, "--top", "2")
    lines = [
        f"{one['file']:<6}  " + ", ".join(f"{g['class']} {g['probability']:.4f}" for g in one["classes"])
        for one in found
    ]
    assert out.splitlines() == lines
    assert len(asked(trained / "run", "0.png")[0]["classes"]) == 3
    assert asked(trained / "run", "0.png", "--last")[0]["classes"]


def test_a_picture_of_another_size_or_form_is_fitted(trained: Path, digits: tuple[Any, Any]) -> None:
    grey = Image.fromarray(digits[0][0]).resize((64, 64), Image.Resampling.BILINEAR)
    colour = grey.convert("RGB")
    colour.save("a.png")
    colour.convert("RGBA").save("b.png")
    colour.convert("P").save("c.gif")
    colour.convert("CMYK").save("d.jpg", quality=100)
    Image.fromarray(np.asarray(grey).astype(np.uint16) << 8).save("e.png")
    found = asked(trained / "run", "a.png", "b.png", "c.gif", "d.jpg", "e.png")
    assert len({one["classes"][0]["class"] for one in found}) == 1


def bad_pictures() -> dict[str, str]:
    """Files that are no pictures, and what is said of each."""
    Path("text.png").write_text("hello", encoding="utf-8")
    Path("empty.png").write_bytes(b"")
    Image.new("L", (64, 64), 100).save("cut.png")
    Path("cut.png").write_bytes(Path("cut.png").read_bytes()[:60])
    Path("folder.png").mkdir()
    os.mkfifo("pipe.png")
    parts = (b"IHDR" + (20_000).to_bytes(4, "big") * 2 + bytes((1, 0, 0, 0, 0)), b"IDAT" + zlib.compress(bytes(8)))
    chunks = [(len(part) - 4).to_bytes(4, "big") + part + zlib.crc32(part).to_bytes(4, "big") for part in parts]
    Path("bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with open("large.png", "wb") as file:
        file.truncate(2**28 + 1)
    Image.fromarray(np.ones((8, 8), np.float32)).save("decimal.tif")
    Image.fromarray(np.ones((8, 8), np.int32)).save("long.tif")
    Path("drawing.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
    return {
        "text.png": "is no picture",
        "empty.png": "is no picture",
        "cut.png": "cannot be read",
        "folder.png": "is no file",
        "pipe.png": "is no file",
        "missing.png": "no such file",
        "bomb.png": "pixels",
        "large.png": "is larger than 256 MiB",
        "drawing.eps": "is no picture",
        "decimal.tif": "has decimal numbers as pixels",
        "long.tif": "save it with 8 or 16 bits",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_each_file_that_is_no_picture_gets_a_diagnostic(trained: Path, digits: tuple[Any, Any]) -> None:
    good = saved(digits[0], 2)
    bad = bad_pictures()
    code, out, err = archc_("predict", trained / "net.onnx", good[0], *bad, good[1])
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == good
    assert err.count("error[A0809]") == len(bad)
    for name, words in bad.items():
        (line,) = [line for line in err.splitlines() if line.startswith("error") and f"`{name}`" in line]
        assert words in line


def test_the_page_says_how_to_feed_a_file(trained: Path, digits: tuple[Any, Any]) -> None:
    page = (Path(__file__).parent.parent / "docs" / "trained.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    session = onnxruntime.InferenceSession(str(trained / "net.onnx"), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    saved(digits[0])
    for at, one in enumerate(asked(trained / "net.onnx", *(f"{at}.png" for at in range(40)), "--top", "1")):
        with Image.open(f"{at}.png") as picture:
            (output,) = session.run(None, {"input": names["feed"](picture, metadata)})
        assert json.loads(metadata["archc.classes"])[output.argmax()] == one["classes"][0]["class"]


# -- a folder of pictures -----------------------------------------------------------------------------------------------------

COLOURS = {"blue": (30, 40, 200), "green": (30, 200, 40), "red \x1b[31m": (200, 40, 30)}
FOLDER = """\
archc: 1
name: colours
input: {channels: 3, height: 6, width: 5}
stages:
  - {name: flatten, type: flatten}
  - {name: fc, type: linear, out_features: 3}
train:
  data: {type: image_folder, path: pictures, channels: 3, height: 6, width: 5, classes: 3, workers: 0, mean: [0.5], std: [0.25]}
  batch_size: 12
  epochs: 4
  optimizer: {type: sgd, lr: 0.1}
"""


def pictures(folder: Path, names: list[str]) -> None:
    rng = np.random.default_rng(0)
    for name, colour in zip(names, COLOURS.values(), strict=False):
        (folder / name).mkdir(parents=True)
        for at in range(10):
            noise = rng.integers(-20, 20, (9, 14, 3))
            Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(folder / name / f"{at}.png")


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a folder of pictures, one of whose classes has a name that would act on a terminal."""
    folder = tmp_path_factory.mktemp("colours")
    pictures(folder / "pictures", list(COLOURS))
    code, output = train(write(folder, FOLDER), "-o", folder / "run")
    assert code == 0, output
    assert archc_("compile", folder / "run", "--onnx", folder / "net.onnx").code == 0
    return folder


def test_classes_have_the_names_of_folders(colours: Path) -> None:
    red = str(colours / "pictures" / list(COLOURS)[2] / "3.png")
    found = [asked(model, red) for model in (colours / "run", colours / "net.onnx")]
    assert found[0][0]["classes"][0]["class"] == "red \x1b[31m"
    for one, other in zip(found[0][0]["classes"], found[1][0]["classes"], strict=True):
        assert one["class"] == other["class"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-6)
    printed = archc_("predict", colours / "net.onnx", red)
    assert "\x1b" not in printed.out
    assert "red \\u{1b}[31m" in printed.out


def test_a_run_knows_its_folder_and_an_onnx_file_is_told_it(colours: Path) -> None:
    one = evaluated(colours / "run")
    assert one["classes"] == list(COLOURS)
    assert one["examples"] == 6
    other = evaluated(colours / "net.onnx", "--data", colours / "pictures")
    assert one["confusion"] == other["confusion"]
    assert "\x1b" not in archc_("evaluate", colours / "run").out


def test_other_classes_are_refused(colours: Path) -> None:
    pictures(Path("others"), ["blue", "green", "violet"])
    for model in (colours / "run", colours / "net.onnx"):
        code, _, err = archc_("evaluate", model, "--data", "others")
        assert code == 1
        assert "error[A0810]: the network knows the class `red" in err
        assert "where the data has `violet`" in err


def test_predicting_is_testing_picture_by_picture(colours: Path) -> None:
    run = evaluated(colours / "run")
    files = [path for name in COLOURS for path in sorted((colours / "pictures" / name).iterdir())][4::5]
    found = asked(colours / "run", *files, "--top", "1")
    table = np.zeros((3, 3), int)
    for path, one in zip(files, found, strict=True):
        table[list(COLOURS).index(path.parent.name), one["classes"][0]["index"]] += 1
    assert table.tolist() == run["confusion"]


@pytest.mark.parametrize(
    ("loss", "label", "head", "probabilities"),
    [
        ("bce_with_logits", "{type: float, shape: [1]}", "", "sigmoid"),
        ("bce_with_logits", "one_hot", "", "sigmoid"),
        ("bce", "one_hot", "\n  - {name: last, type: sigmoid}", "identity"),
        ("nll", "class_index", "\n  - {name: last, type: log_softmax}", "exp"),
        ("mse", "one_hot", "", "none"),
    ],
)
def test_probabilities_are_what_the_loss_learned(
    loss: str, label: str, head: str, probabilities: str, tmp_path: Path
) -> None:
    pictures(tmp_path / "pictures", ["blue", "green"])
    wide = 1 if "shape" in label else 2
    text = FOLDER.replace("out_features: 3}", f"out_features: {wide}}}{head}").replace("classes: 3", "classes: 2")
    text = text.replace("  batch_size", f"  loss: {loss}\n  label: {label}\n  batch_size")
    lr = 0.01 if loss == "mse" else 0.1
    code, output = train(write(tmp_path, text), "-o", "run", "--set", f"train.optimizer.lr={lr}")
    assert code == 0, output
    assert archc_("compile", "run", "--onnx", "net.onnx").code == 0
    metadata = {entry.key: entry.value for entry in onnx.load("net.onnx").metadata_props}
    assert json.loads(metadata["archc.output"])["probabilities"] == probabilities
    for name in ("blue", "green"):
        files = sorted((tmp_path / "pictures" / name).iterdir())
        for model in ("run", "net.onnx"):
            found = asked(model, *files)
            assert [one["classes"][0]["class"] for one in found] == [name] * len(files)
            chances = [one["classes"][0]["probability"] for one in found]
            assert all(chance is None if probabilities == "none" else 0 < chance <= 1 for chance in chances)
            if wide == 1 or probabilities == "exp":
                assert sum(guess["probability"] for guess in found[0]["classes"]) == pytest.approx(1)
    assert archc_("predict", "run", files[0]).out.startswith(f"{files[0]}  green")


def test_a_damaged_picture_to_test_on_is_named(colours: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "data", list(COLOURS))
    Path(tmp_path / "data" / "blue" / "4.png").write_text("no picture", encoding="utf-8")
    code, _, err = archc_("evaluate", colours / "run", "--data", tmp_path / "data")
    assert code == 1
    assert "error[A0803]" in err
    assert "4.png` is no picture" in err


# -- the ends ---------------------------------------------------------------------------------------------------------------

DATA = [
    "{type: digits}",
    "{type: digits, normalize: true}",
    "{type: digits, resize: 8, mean: [0.1], std: [0.2]}",
    "{type: digits, normalize: true, std: [0.7]}",
    "{type: digits, mean: [0.4]}",
]


@pytest.mark.parametrize("data", DATA)
def test_pictures_are_prepared_as_in_training(data: str, tmp_path: Path, digits: tuple[Any, Any]) -> None:
    spec = archc.load(write(tmp_path, SPEC.replace("{type: digits, crop_padding: 1}", data)))
    settings = settings_of(spec)
    ends = ends_of(spec, settings)
    assert ends is not None
    nothing: Any = None
    trained = pictures_of(settings, Data(nothing, nothing, ends.classes, (0.3059,), (0.3763,)))
    batch, indices = torch.from_numpy(digits[0][:9, None]), torch.arange(9)
    assert torch.equal(trained(batch, indices, None), Pictures.of_ends(ends)(batch, indices, None))


def test_a_picture_is_read_as_pillow_reads_it(tmp_path: Path) -> None:
    levels = np.random.default_rng(1).integers(0, 256, (11, 7, 3)).astype(np.uint8)
    Image.fromarray(levels).save("a.png")
    assert np.array_equal(read_picture(Path("a.png"), "RGB", None), levels.transpose(2, 0, 1))
    scaled = Image.fromarray(levels).convert("L").resize((5, 6), Image.Resampling.BILINEAR)
    assert np.array_equal(read_picture(Path("a.png"), "L", (5, 6)), np.asarray(scaled)[None])


# -- what is refused ------------------------------------------------------------------------------------------------------------


def changed(trained: Path, **metadata: object) -> Path:
    """The ONNX file with other metadata; None takes a key out."""
    model = onnx.load(trained / "net.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    del model.metadata_props[:]
    for key, value in {**told, **{f"archc.{name}": value for name, value in metadata.items()}}.items():
        if value is not None:
            model.metadata_props.add(key=key, value=value if isinstance(value, str) else json.dumps(value))
    onnx.save(model, "changed.onnx")
    return Path("changed.onnx")


SIZE = {"channels": 1, "height": 8, "width": 8, "resize": "torch"}


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ({"input": None}, "does not say how a picture becomes its input"),
        ({"output": None}, "does not say how a picture becomes its input"),
        ({"input": "{"}, "cannot be read"),
        ({"input": "[" * 100_000}, "cannot be read"),
        ({"input": [1]}, "cannot be read"),
        ({"input": {**SIZE, "channels": 2}}, "cannot be read"),
        ({"input": {**SIZE, "height": 0}}, "cannot be read"),
        ({"input": {**SIZE, "height": 10**12}}, "cannot be read"),
        ({"input": {**SIZE, "height": True}}, "cannot be read"),
        ({"input": {**SIZE, "resize": "nearest"}}, "cannot be read"),
        ({"input": {**SIZE, "height": 9}}, "onnxruntime cannot run the model"),
        ({"normalize": {"mean": [0.1, 0.2], "std": []}}, "cannot be read"),
        ({"normalize": {"mean": [], "std": [0.0]}}, "cannot be read"),
        ({"normalize": '{"mean": [NaN], "std": []}'}, "cannot be read"),
        ({"normalize": {"mean": [], "std": ["1"]}}, "cannot be read"),
        ({"output": {"index": 0, "probabilities": "exec"}}, "cannot be read"),
        ({"output": {"index": 3, "probabilities": "softmax"}}, "is no list of classes"),
        ({"output": {"index": -1, "probabilities": "softmax"}}, "cannot be read"),
        ({"classes": ["a", "b"]}, "tells 10 classes apart, and has names for 2"),
    ],
)
def test_a_file_that_tells_nonsense_is_refused(metadata: dict[str, Any], says: str, trained: Path) -> None:
    Image.new("L", (8, 8)).save("x.png")
    code, out, err = archc_("predict", changed(trained, **metadata), "x.png")
    assert (code, out) == (1, "")
    assert "error[A0810]" in err
    assert says in err


def test_names_that_are_no_list_are_left_out(trained: Path) -> None:
    Image.new("L", (8, 8)).save("x.png")
    (found,) = asked(changed(trained, classes=[1, 2]), "x.png")
    assert found["classes"][0]["class"] == str(found["classes"][0]["index"])


def external(trained: Path, place: str) -> Path:
    """The ONNX file with a tensor that lies in another file."""
    model = onnx.load(trained / "net.onnx")
    tensor = model.graph.initializer[0]
    if place == "constant":
        node = model.graph.node.add(op_type="Constant", name="c", output=["c"])
        attribute = node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
        attribute.t.CopyFrom(tensor)
        tensor = attribute.t
    if place != "unsaid":
        tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    tensor.ClearField("raw_data")
    Path("external.onnx").write_bytes(model.SerializeToString())
    return Path("external.onnx")


@pytest.mark.parametrize("place", ["initializer", "constant", "unsaid"])
def test_tensors_in_another_file_are_refused(place: str, trained: Path) -> None:
    code, _, err = archc_("evaluate", external(trained, place))
    assert code == 1
    assert "error[A0810]: the model cannot be read: its tensor 'conv.weight' lies in another file" in err


@pytest.mark.parametrize("data", [b"", b"hello", bytes(1000), b"\x08\x09"])
def test_what_is_no_onnx_file_is_refused(data: bytes) -> None:
    Path("x.onnx").write_bytes(data)
    code, _, err = archc_("evaluate", "x.onnx")
    assert code == 1
    assert "error[A0810]: the model cannot be read: it is not an ONNX file" in err


def test_a_truncated_or_damaged_onnx_file_gives_a_diagnostic(trained: Path) -> None:
    data = (trained / "net.onnx").read_bytes()
    rng = np.random.default_rng(3)
    Image.new("L", (8, 8)).save("x.png")
    for at in range(60):
        cut = bytearray(data[: rng.integers(len(data))] if at % 2 else data)
        if not at % 2:
            cut[rng.integers(len(cut))] ^= 1 << int(rng.integers(8))
        Path("x.onnx").write_bytes(cut)
        code, _, err = archc_("predict", "x.onnx", "x.png")
        assert code in (0, 1)
        assert (code == 1) == ("error[" in err)


def copied(trained: Path) -> Path:
    import shutil

    shutil.copytree(trained / "run", "run")
    return Path("run")


def test_a_damaged_checkpoint_is_refused_by_name(trained: Path) -> None:
    run = copied(trained)
    (best,) = [run / "checkpoints" / name for name in checkpoint_names(run / "checkpoints", BEST)]
    data = bytearray(best.read_bytes())
    data[-1] ^= 1
    best.write_bytes(data)
    for command in (("evaluate", run), ("predict", run, "x.png"), ("compile", run, "--onnx")):
        code, _, err = archc_(*command)
        assert code == 1
        assert f"error[A0805]: the checkpoint `{best.name}` is damaged: its SHA-256 is not the one beside it" in err
        assert "use the last one by `--last`" in err
    assert evaluated(run, "--last")["examples"] == 359
    assert not Path("small.onnx").exists()


def test_a_checkpoint_of_another_network_is_refused(trained: Path) -> None:
    run = copied(trained)
    spec = run / "spec.yaml"
    spec.write_text(spec.read_text(encoding="utf-8").replace("out_channels: 4", "out_channels: 5"), encoding="utf-8")
    for args in ((), ("--last",)):
        code, _, err = archc_("evaluate", run, *args)
        assert code == 1
        assert "error[A0702]" in err


def test_a_run_without_an_epoch_has_no_best(trained: Path) -> None:
    run = copied(trained)
    for name in os.listdir(run / "checkpoints"):
        (run / "checkpoints" / name).unlink()
    for args, says in (((), "no epoch has ended in `run`"), (("--last",), "nothing was kept yet in `run`")):
        code, _, err = archc_("evaluate", run, *args)
        assert code == 1
        assert f"error[A0806]: {says}" in err


def test_data_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    Path("none").mkdir()
    assert archc_("compile", "fashion_mnist/lenet_bn", "--torch", "w.safetensors").code == 0
    args = ("evaluate", "fashion_mnist/lenet_bn", "--weights", "w.safetensors", "--data", "none")
    code, _, err = archc_(*args)
    assert code == 1
    assert "error[A0802]" in err


def test_a_picture_that_cannot_be_written_is_a_diagnostic(trained: Path) -> None:
    args = ("evaluate", trained / "net.onnx", "-o", "no/where.png")
    code, out, err = archc_(*args)
    assert code == 1
    assert err.startswith("error[A0704]: cannot write `no/where.png`: no such file or directory")
    whole = archc_("evaluate", trained / "net.onnx", "-o", "where.png").out
    assert out + "wrote where.png\n" == whole
    code, out, err = archc_(*args, "--format", "json")
    assert code == 1
    assert json.loads(out) == {**evaluated(trained / "net.onnx", "-o", "where.png"), "picture": None}
    assert err.startswith("error[A0704]")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names that are not UTF-8 are Linux's")
def test_a_name_that_is_not_utf_8_leaves_json_valid(trained: Path, digits: tuple[Any, Any]) -> None:
    (good,) = saved(digits[0], 1)
    name = os.fsdecode(b"bad\xff\xc3\xa9.png")
    os.rename(good, name)
    (found,) = asked(trained / "net.onnx", name)
    assert found["file"].encode() == "bad\\udcffé.png".encode()


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["evaluate", "resnet18"], 2, "--weights is missing"),
        (["evaluate", "net.yaml"], 2, "--weights is missing"),
        (["evaluate", "missing"], 1, "there is no run, file or spec `missing`"),
        (["evaluate", "a" * 300], 1, "there is no run, file or spec `aaa"),
        (["evaluate", "net.yaml", "--weights", "a" * 300], 1, "= note: File name too long"),
        (["predict", "a" * 300, "a.png"], 1, "the model cannot be read: file name too long"),
        (["predict", "x.onnx", "a.png", "--top", "x"], 2, "argument --top: a number of classes is 1 or more"),
        (["evaluate", "x.onnx", "--weights", "w"], 2, "--weights goes with a spec only"),
        (["evaluate", "x.onnx", "--set", "a=1"], 2, "--set goes with a spec only"),
        (["evaluate", "x.onnx", "--last"], 2, "--last goes with a run only"),
        (["evaluate", "x.onnx", "--device", "cuda"], 2, "an ONNX file is run on the CPU"),
        (["evaluate", "x.onnx"], 1, "the model cannot be read: no such file or directory"),
        (["evaluate", "."], 1, "`.` is not a run"),
        (["evaluate", "resnet18", "--weights", "w"], 1, "the spec has no `train`"),
        (["predict", "."], 2, "IMAGE"),
        (["predict", ".", "a.png"], 1, "`.` is not a run"),
        (["predict", "x.onnx", "a.png", "--top", "0"], 2, "a number of classes is 1 or more"),
        (["predict", "x.onnx", "a.png", "--last"], 2, "--last goes with a run only"),
        (["predict", "net.yaml", "a.png"], 1, "the model cannot be read"),
        (["compile", ".", "--onnx"], 1, "`.` is a folder"),
        (["compile", "resnet18", "--onnx", "--weights", "."], 1, "`.` is not a run"),
    ],
)
def test_misuse_is_said(args: list[str], code: int, says: str, tmp_path: Path) -> None:
    write(tmp_path)
    found = archc_(*args)
    assert found.code == code
    assert says in found.err
    assert os.listdir() == ["net.yaml"]
