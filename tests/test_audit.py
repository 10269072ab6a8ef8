"""What checking a spec does to the machine: it reads the spec and those beside it, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile import ENDS, FILES, HEAD, PATHS

import archc
from archc.spec.load import shipped_root, shipped_specs

ROOT = Path(archc.__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("audited.py")
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PLANTS = {
    "import": "imports evil$",
    "exec": "exec of '<string>'",
    "compile": "compile of '<spec>'",
    "socket": r"socket\.__new__",
    "subprocess": r"subprocess\.Popen",
    "open": "opens '/etc/passwd'",
    "link": "opens 'outside.yaml'",
    "write": "opens 'written.txt'",
    "list": "lists '/etc'",
    "system": r"os\.system",
}
"""What checking a spec is made to do, and what the hook says of it."""
OUTSIDE = {"/dev/zero", "/dev/random", "/dev/stdin", "/proc/self/mem"}
"""Paths of which the argument itself lies outside."""


def audited(cases: list[tuple[Path, list[str]]], folder: Path, *plant: str) -> dict[str, Any]:
    """What the hook saw."""
    listed = folder / "cases.json"
    listed.write_text(json.dumps([(str(where), arguments) for where, arguments in cases]), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:surrogateescape"}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(listed), *plant], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_checking_what_ships_reads_the_specs_and_nothing_else(tmp_path: Path) -> None:
    cases = [(path.parent, [path.name]) for path in [*shipped_specs().values(), *sorted(EXAMPLES.glob("*.yaml"))]]
    cases += [(shipped_root(), ["--format", name, "."]) for name in ("json", "github", "gitlab", "sarif", "junit")]
    assert audited(cases, tmp_path) == {"done": len(cases), "violations": []}


def test_checking_hostile_files_reads_the_specs_and_nothing_else(tmp_path: Path) -> None:
    cases = []
    for at, data in enumerate([*FILES.values(), *(text.encode() for text in ENDS.values())]):
        folder = tmp_path / f"file{at}"
        folder.mkdir()
        (folder / "net.yaml").write_bytes(data)
        cases.append((folder, ["net.yaml"]))
    for at, (name, make) in enumerate(PATHS.items()):
        folder = tmp_path / f"path{at}"
        folder.mkdir()
        arguments = make(folder)
        if name not in OUTSIDE and all(argument.isprintable() for argument in arguments):
            cases.append((folder, arguments))
    assert audited(cases, tmp_path) == {"done": len(cases), "violations": []}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_hook_sees_what_is_planted(plant: str, tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "net.yaml").write_text(HEAD.replace("name: net", "name: evil") + "stages: [{type: relu}]\n")
    (tmp_path / "outside.yaml").write_text("archc: 1\n")
    (folder / "outside.yaml").symlink_to(tmp_path / "outside.yaml")
    found = audited([(folder, ["net.yaml"])], tmp_path, plant)
    assert found["done"] == 1
    assert any(re.match(PLANTS[plant], violation) for violation in found["violations"])
