"""The sizes that `validate` and `show` state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archc.cli import main

SKIP = """\
archc: 1
name: skip
input: {channels: 3, height: 212, width: 224}
stages:
  - {name: body, type: conv, out_channels: 8, kernel_size: 3, padding: 1}
  - {name: down, type: max_pool, kernel_size: 4}
  - {name: up, type: upsample, scale_factor: 4}
  - {name: join, type: concat, from: [up, body]}
"""
HEADS = """\
archc: 1
name: heads
input: {channels: 3, length: 62}
stages:
  - {name: stem, type: conv, out_channels: 8, kernel_size: 3}
  - {name: main, type: global_avg_pool}
  - {name: aux, from: stem, type: max_pool, kernel_size: 10}
outputs: {y: main, aux: {from: aux, only: training}}
"""
ROWS = "archc: 1\nname: rows\ninput: {features: 8}\nstages: [{type: relu}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("skip", SKIP), ("heads", HEADS), ("rows", ROWS)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
    assert main(["validate", *args]) == 0
    return capsys.readouterr().out.splitlines()


def test_one_spec_is_told_which_sizes_work_and_why_not_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "skip.yaml") == [
        "1 file checked, no errors",
        "valid for height and width: multiples of 4 from 4",
        "  at 211, `join`: concat joins maps of different size, height 211 meets 208; the inputs are (N, 8, 208, 224) and (N, 8, 211, 224)",
        "  to free it, write `height: {multiple_of: 4, default: 212}`",
    ]


def test_training_is_told_apart_where_it_differs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "heads.yaml") == [
        "1 file checked, no errors",
        "valid for length: every size from 3; in training every size from 12",
        "  at 2, `stem`: the kernel's window is larger than the padded input, spans 3 along the length, the padded input has 2",
        "  in training at 11, `aux`: the pool's window is larger than the padded input, spans 10 along the length, the padded input has 9",
    ]


def test_features_have_no_sizes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "rows.yaml") == ["1 file checked, no errors"]


def test_many_specs_are_told_on_demand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ".") == ["3 files checked, no errors"]
    lines = printed(capsys, ".", "--sizes")
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == [
        "3 files checked, no errors",
        "heads.yaml",
        "skip.yaml",
    ]


def test_formats_for_machines_stay_lists_of_findings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "skip.yaml", "--format", "json", "--sizes") == ["[]"]


def test_a_spec_with_mistakes_has_no_sizes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "skip.yaml").write_text(SKIP.replace("height: 212", "height: 210"), encoding="utf-8")
    assert main(["validate", "skip.yaml"]) == 1
    assert "valid for" not in capsys.readouterr().out


def test_show_has_the_sets_as_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "skip.yaml", "--format", "json"]) == 0
    height = json.loads(capsys.readouterr().out)["valid_sizes"]["height"]["inference"]
    assert height == {
        "text": "multiples of 4 from 4",
        "ranges": [],
        "repeats": {"from": 1, "period": 4, "remainders": [[0, 0]]},
        "refused": {
            "size": 211,
            "path": "join",
            "message": "concat joins maps of different size, height 211 meets 208",
        },
    }
