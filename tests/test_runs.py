"""`archc runs`: a table of runs that is true, of damaged folders too."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lightning")

import torch
from training import LINEAR, train, write

from archc.cli import main
from archc.train.lock import Lock, is_locked

HEAD = "epoch,step,lr,train_loss,train_accuracy,test_loss,test_accuracy,seconds\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of two networks: one ended, one whose rate is another, one of a wider network that was stopped."""
    top = tmp_path_factory.mktemp("runs")
    torch.set_num_threads(1)
    spec = write(top, LINEAR)
    wider = write(top, LINEAR.replace("out_features: 8", "out_features: 9"), "wider.yaml")
    for name, args in {
        "a": (spec,),
        "b": (spec, "--set", "train.optimizer.lr=0.5"),
        "c": (wider, "--set", "train.max_steps=3"),
    }.items():
        assert train(*args, "-o", top / "runs" / name).code == 0
    return top / "runs"


def listed(folder: Path, capsys: pytest.CaptureFixture[str], code: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["runs", str(folder), "--format", "json"]) == code
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_each_run_has_what_it_came_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(folder, capsys)
    assert [Path(one["folder"]).name for one in found] == ["a", "b", "c"]
    for one in found:
        with open(folder / Path(one["folder"]).name / "metrics.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert one[name] == float(rows[-1][name])
        best = max(rows, key=lambda row: float(row["test_accuracy"]))
        told = {"epoch": int(best["epoch"]), "test_loss": float(best["test_loss"])}
        assert one["best"] == {**told, "test_accuracy": float(best["test_accuracy"])}
        assert one["examples_per_second"] > 0
        assert one["seconds"] >= float(rows[-1]["seconds"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", one["started"])
    assert [(one["epoch"], one["epochs"], one["step"], one["state"]) for one in found] == [
        (2, 2, 12, "ended"),
        (2, 2, 12, "ended"),
        (1, 2, 3, "ended"),
    ]


def test_only_what_differs_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other, third = (one["settings"] for one in listed(folder, capsys))
    assert set(one) == {"train.optimizer.lr", "network"}
    assert (one["train.optimizer.lr"], other["train.optimizer.lr"], third["train.max_steps"]) == (0.1, 0.5, 3)
    assert one["network"] == other["network"] != third["network"]
    assert listed(folder / "b", capsys)[0]["settings"] == {}


def test_the_table_is_what_the_json_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = listed(folder, capsys)
    assert main(["runs", str(folder)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert re.split(r"  +", head) == [
        "run", "network", "started", "state", "epochs", "train loss", "train acc.", "test acc.", "best", "examples/s",
        "settings",
    ]  # fmt: skip
    for line, one in zip(lines, found, strict=True):
        cells = re.split(r"  +", line)
        assert cells[:2] == [Path(one["folder"]).name, "linear"]
        assert cells[2] == one["started"][:16].replace("T", " ")
        assert cells[3:5] == [one["state"], f"{one['epoch']}/{one['epochs']}"]
        numbers = [f"{one[name]:.4f}" for name in ("train_loss", "train_accuracy", "test_accuracy")]
        assert cells[5:8] == numbers
        assert cells[8] == f"{one['best']['test_accuracy']:.4f} ({one['best']['epoch']})"
        assert f"optimizer.lr {one['settings']['train.optimizer.lr']}" in cells[10]
    assert main(["runs", str(folder / "a")]) == 0
    assert "settings" not in capsys.readouterr().out


def test_it_needs_no_torch(folder: Path) -> None:
    code = f"import sys\nfrom archc.cli import main\nassert main(['runs', {str(folder)!r}]) == 0\n"
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True, capture_output=True)


def test_a_run_at_work_is_running_and_one_that_was_ended_early_stopped(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "runs" / "a"
    shutil.copytree(folder / "a", run)
    spec = (run / "spec.yaml").read_text(encoding="utf-8")
    (run / "spec.yaml").write_text(spec.replace("epochs: 2", "epochs: 9"), encoding="utf-8")
    assert listed(tmp_path / "runs", capsys)[0]["state"] == "stopped"
    lock = Lock(run)
    try:
        assert is_locked(run)
        assert listed(tmp_path / "runs", capsys)[0]["state"] == "running"
    finally:
        lock.release()
    assert not is_locked(run)


def test_a_run_that_has_only_begun(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "begun"
    run.mkdir()
    for name in ("spec.yaml", "environment.json"):
        shutil.copy(folder / "a" / name, run / name)
    (found,) = listed(run, capsys)
    assert (found["epoch"], found["step"], found["state"]) == (0, 0, "stopped")
    assert [found[name] for name in ("train_loss", "test_accuracy", "best", "examples_per_second")] == [None] * 4
    assert main(["runs", str(run)]) == 0


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("spec.yaml", "stages: [", "A0004"),
        ("spec.yaml", "", "A0102"),
        ("environment.json", "{", "A0806"),
        ("environment.json", "[]", "A0806"),
        ("environment.json", "[" * 100_000, "A0806"),
        ("environment.json", " " * 2**21, "A0806"),
        ("metrics.csv", "epoch,test_loss\n1,x\n", "A0806"),
        ("metrics.csv", "", "A0806"),
        ("metrics.csv", "garbage", "A0806"),
        ("metrics.csv", "\0" * 100, "A0806"),
        ("metrics.csv", HEAD, "A0806"),
        ("metrics.csv", HEAD[:20] + "\n", "A0806"),
        ("metrics.csv", HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n", "A0806"),
        ("metrics.csv", HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n2,12,0.1,1.5,0.5,1.2,0.6,0", "A0806"),
        ("metrics.csv", HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n2,12,0.1,1.5,0.5\n", "A0806"),
        ("metrics.csv", HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n2,12,0.1,1.5,0.5,1.2,0.6,\n", "A0806"),
        ("metrics.csv", HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n2,12,0.1,1.5,0.5,1.2,0.6,0.1,7\n", "A0806"),
        ("environment.json", '{"data": 5}', "A0806"),
        ("metrics.csv", "epoch,test_loss\n" + "9" * 200_000, "A0806"),
        ("metrics.csv", "epoch\ninf\n", "A0806"),
    ],
)
def test_a_damaged_run_is_told_and_the_others_are_listed(
    name: str, text: str, says: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path / "runs")
    (tmp_path / "runs" / "b" / name).write_text(text, encoding="utf-8")
    assert main(["runs", str(tmp_path / "runs")]) == 1
    printed = capsys.readouterr()
    assert f"error[{says}]" in printed.err
    assert [line.split()[0] for line in printed.out.splitlines()] == ["run", "a", "c"]


def test_the_lines_that_are_damaged_above_would_be_read_if_whole(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "a", tmp_path / "a")
    text = HEAD + "1,6,0.1,1.5,0.5,1.2,0.6,0.1\n2,12,0.1,1.5,,1.2,,0.1\n"
    (tmp_path / "a" / "metrics.csv").write_text(text, encoding="utf-8")
    (found,) = listed(tmp_path / "a", capsys)
    assert (found["epoch"], found["test_loss"], found["test_accuracy"]) == (2, 1.2, None)


def test_damaged_checkpoints_leave_what_they_would_say_empty(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "a", tmp_path / "a")
    for path in (tmp_path / "a" / "checkpoints").glob("0*.safetensors"):
        path.write_bytes(b"\x10" + bytes(7) + b"{nothing")
    (found,) = listed(tmp_path / "a", capsys)
    assert (found["epoch"], found["examples_per_second"]) == (2, None)


def test_names_do_not_act_on_a_terminal(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folder / "a", tmp_path / "a\x1b[31m")
    assert main(["runs", str(tmp_path)]) == 0
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["empty", "missing", "file"])
def test_a_folder_without_runs_is_a_finding(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / kind
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("", encoding="utf-8")
    assert main(["runs", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error[A0806]" in printed.err
