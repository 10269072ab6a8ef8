"""Definitions that an installed package brings: found by entry point, read as data, never imported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import archc
from archc.cli import main

SPEC = "archc: 1\nname: net\ninput: {channels: 3, height: 8, width: 8}\nstages:\n  - {name: a, type: doubled}\n"
BLOCK = 'doc: twice the channels\nstages:\n  - {type: conv, out_channels: "${2 * in_channels}", kernel_size: 1}\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package `borrowed`, whose import would fail."""
    (tmp_path / "borrowed" / "archc_blocks").mkdir(parents=True)
    (tmp_path / "borrowed" / "__init__.py").write_text("raise ImportError('nothing imports this')\n")
    (tmp_path / "borrowed" / "archc_blocks" / "doubled.yaml").write_text(BLOCK)
    info = tmp_path / "borrowed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: borrowed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[archc.blocks]\nborrowed = borrowed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_spec_uses_the_blocks_of_an_installed_package(package: Path) -> None:
    path = package / "net.yaml"
    path.write_text(SPEC)
    spec = archc.load(path)
    assert spec.check() == []
    assert spec.graph.types[-1].shape == (6, 8, 8)
    assert "borrowed" not in sys.modules


def test_without_the_package_the_type_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    assert [found.code for found in archc.load(path).check()] == ["A0105"]


def test_a_mistake_in_a_package_names_its_file(package: Path) -> None:
    (package / "borrowed" / "archc_blocks" / "doubled.yaml").write_text(BLOCK.replace("conv,", "convv,"))
    path = package / "net.yaml"
    path.write_text(SPEC)
    (found,) = archc.load(path).check()
    assert found.code == "A0105"
    assert any("doubled.yaml" in label.span.file.name for label in found.labels)


def test_the_schema_knows_the_blocks_of_an_installed_package(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "type.doubled" in json.loads(capsys.readouterr().out)["$defs"]
    assert "borrowed" not in sys.modules
