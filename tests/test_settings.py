"""`--set train.FIELD=VALUE` is checked as the text is; a spec written whole says the same as the one that it is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from archc.api import Spec, load, load_with
from archc.ir.text import to_text
from archc.spec.load import shipped_specs

ROOT = Path(__file__).resolve().parent.parent
LENET = "fashion_mnist/lenet_bn"


def codes(spec: Spec) -> list[str]:
    return [one.code for one in spec.check(warnings=False)]


def value(spec: Spec, section: str, field: str = "") -> object:
    train = spec.train
    assert train is not None
    if not field:
        return train.fields[section].value
    found = train.sections[section]
    assert found is not None
    return found.type if field == "type" else found.fields[field].value


@pytest.mark.parametrize(
    ("setting", "section", "field", "wanted"),
    [
        ("train.epochs=3", "epochs", "", 3),
        ("train.optimizer.lr=0.25", "optimizer", "lr", 0.25),
        ("train.optimizer={type: adam, lr: 0.1}", "optimizer", "type", "adam"),
        ("train.loss.label_smoothing=0.1", "loss", "label_smoothing", 0.1),
        ("train.loss=cross_entropy", "loss", "type", "cross_entropy"),
        ("train.schedule=cosine", "schedule", "type", "cosine"),
        ("train.schedule.warmup=2", "schedule", "type", "constant"),
        ("train.data.resize=28", "data", "resize", 28),
        ("train.batch_size=$num_classes", "batch_size", "", 10),
    ],
)
def test_a_setting_takes_its_place(setting: str, section: str, field: str, wanted: object) -> None:
    spec = load_with(LENET, [setting])
    assert codes(spec) == []
    assert value(spec, section, field) == wanted
    assert value(spec, "seed") == 0


def test_settings_act_together_with_params() -> None:
    spec = load_with(LENET, ["num_classes=10", "train.schedule=cosine", "train.schedule.min_lr=0.1", "train.seed=4"])
    assert codes(spec) == []
    assert (value(spec, "schedule", "min_lr"), value(spec, "seed")) == (0.1, 4)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("train.epochs=0", "A0104"),
        ("train.epochs=many", "A0103"),
        ("train.epoch=3", "A0101"),
        ("train.optimizer.lr=-1", "A0104"),
        ("train.optimizer.type=newton", "A0104"),
        ("train.optimizer.beta=1", "A0101"),
        ("train.data=mnist", "A0102"),
        ("train.precision=float8", "A0104"),
        ("train.optimizer={type: sgd, lr: 1, nesterov: true}", "A0104"),
        ("train.optimizer={type: adam, lr: 1, betas: [0.9]}", "A0104"),
        ("train.data.mean=[0.1, 0.2]", "A0104"),
        ("train.data.std=[0]", "A0104"),
        ("train.ema=1", "A0104"),
        ("train=3", "A0206"),
    ],
)
def test_a_wrong_setting_is_told_at_the_command_line(setting: str, code: str) -> None:
    spec = load_with(LENET, [setting])
    (found,) = spec.check(warnings=False)
    assert found.code == code
    assert found.span.file.name == "--set"


def test_a_folder_of_pictures_has_no_mean_of_its_own() -> None:
    data = "{type: image_folder, path: a, channels: 1, height: 28, width: 28, classes: 10, normalize: true}"
    assert codes(load_with(LENET, [f"train.data={data}"])) == ["A0104"]
    assert codes(load_with(LENET, [f"train.data={data[:-1]}, mean: [0.5], std: [0.5]}}"])) == []


def test_a_spec_without_training_can_be_given_all_of_it() -> None:
    settings = ["train.data={type: synthetic, channels: 3, height: 224, width: 224, classes: 1000}", "train.epochs=1"]
    assert codes(load_with("resnet18", settings)) == ["A0102"]
    settings += ["train.batch_size=8", "train.optimizer={type: sgd, lr: 0.1}"]
    assert codes(load_with("resnet18", settings)) == []


# -- written whole ------------------------------------------------------------------------------------------------------------

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("name", [*shipped_specs(), *map(str, EXAMPLES)], ids=lambda name: Path(name).stem)
def test_a_spec_written_whole_is_the_same(name: str, tmp_path: Path) -> None:
    spec = load(name)
    path = tmp_path / "spec.yaml"
    path.write_text(spec.to_yaml(), encoding="utf-8")
    again = load(path)
    assert codes(again) == []
    assert to_text(again.graph) == to_text(spec.graph)
    assert again.to_yaml() == spec.to_yaml()
    assert "extends" not in again.to_yaml().splitlines()[:3]


def test_params_that_are_set_are_written(tmp_path: Path) -> None:
    spec = load(LENET, num_classes=12)
    path = tmp_path / "spec.yaml"
    text = load_with(LENET, ["num_classes=10", "train.epochs=2", "train.loss.weights.fc3=0.5"]).to_yaml()
    path.write_text(text, encoding="utf-8")
    assert "epochs: 2" in text
    assert "weights: {fc3: 0.5}" in text
    assert codes(load(path)) == []
    assert codes(spec) == ["A0605"]


@pytest.mark.parametrize(
    "word", ["yes", "null", "true", "1e3", "0x1f", "- a", "a: b", "#", "é", "a\nb", '"', "", "~", ".5"]
)
def test_every_text_comes_back(word: str, tmp_path: Path) -> None:
    import json

    text = f"archc: 1\nname: net\ndoc: {json.dumps(word)}\ninput: {{features: 3}}\nstages:\n  - {{type: relu, doc: {json.dumps(word)}}}\n"
    path = tmp_path / "spec.yaml"
    path.write_text(text, encoding="utf-8")
    spec = load(path)
    assert codes(spec) == []
    path.write_text(spec.to_yaml(), encoding="utf-8")
    again = load(path)
    assert codes(again) == []
    assert again.loaded.tree is not None
    doc = again.loaded.tree.get("doc")
    assert getattr(doc, "value", None) == word
