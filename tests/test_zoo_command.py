"""`archc zoo`: its figures are those of the specs, and it finds networks by words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

import archc
from archc.analysis.cost import costs
from archc.api import plain
from archc.cli import main, zoo
from archc.spec.load import shipped_root, shipped_specs

NAMES = [name for name in shipped_specs() if not name.startswith("families/")]
PAPER = re.compile(r" \(([^()]+, (?:19|20)\d\d)\)")


def row(name: str) -> dict[str, Any]:
    """What `archc zoo` should say of a network."""
    spec = archc.load(name)
    assert spec.loaded.tree is not None
    doc = str(plain(spec.loaded.tree.entries["doc"].value))
    paper = PAPER.search(doc)
    assert paper is not None
    total = costs(spec.graph)[""]
    return {
        "name": name.removeprefix("imagenet/"),
        "doc": doc,
        "paper": paper[1],
        "input": list(spec.graph.types[0].shape),
        "parameters": total.parameters,
        "macs": total.macs,
    }


def test_the_figures_are_those_of_the_specs(regenerate: bool) -> None:
    text = "[\n" + ",\n".join(json.dumps(row(name), ensure_ascii=False) for name in NAMES) + "\n]\n"
    path = shipped_root() / zoo.FIGURES
    if regenerate:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_all_of_torchvisions_convolutional_classifiers_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {one["name"] for one in found if "/" not in one["name"]}
    assert len(names) == 68
    models = pytest.importorskip("torchvision.models", reason="its builders are asked for their names")
    builders = set(models.list_models(module=models))
    assert names == {name for name in builders if not name.startswith(("vit_", "swin_", "maxvit_"))}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["resnet50"], ["resnet50", "wide_resnet50_2"]),
        (["RegNetY", "gf", "32"], ["regnet_y_32gf"]),
        (["lenet-5"], ["fashion_mnist/lenet_bn"]),
        (["2022", "large"], ["convnext_large"]),
    ],
)
def test_words_find_networks(words: list[str], names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", *words]) == 0
    head, rule, *body = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["name", "input", "parameters", "MACs"]
    assert set(rule) == {"─"}
    assert [line.split()[0] for line in body] == names


def test_a_word_that_nothing_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo", "resnet5O"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error[A0001]: no network has `resnet5o`")
    assert "did you mean `resnet50`?" in err


def test_listing_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, archc.cli; archc.cli.main(['zoo']); sys.exit(len({'torch', 'numpy', 'onnx'} & {*sys.modules}))"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
