"""Hooks and CI: the files fit what their readers publish, and their commands run as those run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / ".github" / "actions" / "validate" / "action.yml"
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SNIPPETS = {
    match[1]: match[2] for match in re.finditer(r"^```yml\n# file: (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
}
SCHEMAS = {
    ".github/workflows/specs.yml": "vendor.github-workflows",
    ".github/workflows/scan.yml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}
GOOD = "archc: 1\nname: good\ninput: {features: 8}\nstages:\n  - {name: fc, type: linear, out_features: 3}\n"
BAD = GOOD.replace("out_features", "out_feature")
BASH = shutil.which("bash")
NEEDS_BASH = pytest.mark.skipif(BASH is None, reason="there is no bash")


def check(schema: str, path: Path) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_action_fits_the_schema_of_actions(tmp_path: Path) -> None:
    run = check("vendor.github-actions", ACTION)
    assert run.returncode == 0, run.stdout
    (tmp_path / "action.yml").write_text(ACTION.read_text().replace("composite", "nothing"))
    assert check("vendor.github-actions", tmp_path / "action.yml").returncode == 1


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_the_page_shows_fits_its_schema(name: str, tmp_path: Path) -> None:
    path = tmp_path / Path(name).name
    path.write_text(SNIPPETS[name], encoding="utf-8")
    run = check(SCHEMAS[name], path)
    assert run.returncode == 0, run.stdout


def test_the_page_shows_nothing_unchecked() -> None:
    assert set(SNIPPETS) == {*SCHEMAS, ".pre-commit-config.yaml"}
    assert "```\n" not in re.sub(r"^```yml\n.*?^```\n", "", PAGE + "\n", flags=re.MULTILINE | re.DOTALL)


# -- the action ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with specs, and programs that stand for pip and, in the tests' Python, for archc."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"specs/good.yaml": GOOD, "bad dir/net 1.yaml": BAD}.items():
        Path(name).parent.mkdir()
        Path(name).write_text(text)
    programs = tmp_path / "bin"
    programs.mkdir()
    real = f'exec env PYTHONPATH="{ROOT}" "{sys.executable}"'
    (programs / "python").write_text(f'#!/bin/sh\nif [ "$2" = pip ]; then echo "$@" >> pip.log; else {real} "$@"; fi\n')
    (programs / "pip").write_text('#!/bin/sh\necho "$@" >> pip.log\n')
    (programs / "archc").write_text(f'#!/bin/sh\n{real} -m archc "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return tmp_path


def bash(script: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A script as GitHub runs `shell: bash`, with nothing else in its environment."""
    assert BASH is not None
    Path("step.sh").write_text(script)
    path = f"{Path.cwd() / 'bin'}{os.pathsep}{os.environ['PATH']}"
    everything = {"PATH": path, "HOME": os.environ.get("HOME", ""), **env}
    command = [BASH, "--noprofile", "--norc", "-eo", "pipefail", "step.sh"]
    return subprocess.run(command, capture_output=True, text=True, env=everything)


def run_action(**given: str) -> list[subprocess.CompletedProcess[str]]:
    """The steps of the action that are scripts, with inputs put where their `env` says; it ends with the first that fails."""
    action = yaml.safe_load(ACTION.read_text())
    assert set(given) <= set(action["inputs"])
    inputs = {name: given.get(name, entry["default"]) for name, entry in action["inputs"].items()}
    done = []
    for step in action["runs"]["steps"]:
        if "run" in step:
            env = {
                key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], value)
                for key, value in step["env"].items()
            }
            done.append(bash(step["run"], {**env, "GITHUB_ACTION_PATH": str(ACTION.parent)}))
            if done[-1].returncode:
                break
    return done


def test_no_input_is_put_into_a_script() -> None:
    for step in yaml.safe_load(ACTION.read_text())["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert "run" in step or "@" in step["uses"]


@NEEDS_BASH
def test_the_action_passes_clean_specs(work: Path) -> None:
    install, validate = run_action()
    assert (install.returncode, validate.returncode) == (0, 0), validate.stderr
    assert (validate.stdout, validate.stderr) == ("", "")
    (line,) = Path("pip.log").read_text().splitlines()
    assert Path(line.rpartition(" ")[2]).resolve() == ROOT


@NEEDS_BASH
def test_the_action_annotates_and_fails(work: Path) -> None:
    _, validate = run_action(paths="specs\nbad dir/*.yaml\n", requirement="archc-compiler==0.1.0")
    assert validate.returncode == 1
    assert validate.stdout.startswith("::error file=bad dir/net 1.yaml,line=5,")
    assert Path("pip.log").read_text() == "-m pip install --quiet archc-compiler==0.1.0\n"


@NEEDS_BASH
def test_the_action_writes_a_file(work: Path) -> None:
    _, validate = run_action(paths="bad dir", format="sarif", output="out put.sarif", strict="true")
    assert (validate.returncode, validate.stdout) == (1, "")
    assert json.loads(Path("out put.sarif").read_text())["version"] == "2.1.0"


@NEEDS_BASH
@pytest.mark.parametrize("name", ["paths", "format", "output", "strict", "requirement"])
@pytest.mark.parametrize(
    "value", ["$(touch pwned)", "`touch pwned`", '"; touch pwned; "', "x\ntouch pwned", "--fix", "; touch pwned #"]
)
def test_inputs_are_data(name: str, value: str, work: Path) -> None:
    run_action(**{name: value})
    assert not Path("pwned").exists()
    assert Path("bad dir/net 1.yaml").read_text() == BAD


@NEEDS_BASH
def test_a_format_that_does_not_exist_is_bad_usage(work: Path) -> None:
    assert run_action(format="yes")[-1].returncode == 2


# -- what the page shows ------------------------------------------------------------------------------------------------


def scripts(name: str) -> list[str]:
    data: dict[str, Any] = yaml.safe_load(SNIPPETS[name])
    if name == ".gitlab-ci.yml":
        return list(data["specs"]["script"])
    return [step["run"] for job in data["jobs"].values() for step in job["steps"] if "run" in step]


@NEEDS_BASH
@pytest.mark.parametrize("name", [".github/workflows/specs.yml", ".gitlab-ci.yml"])
@pytest.mark.parametrize("text", [GOOD, BAD], ids=["good", "bad"])
def test_the_scripts_of_the_page_run(name: str, text: str, work: Path) -> None:
    Path("specs/good.yaml").write_text(text)
    lines = scripts(name)
    assert lines[0] == "pip install archc-compiler"
    runs = [bash(line, {}) for line in lines]
    assert [run.returncode for run in runs] == [0, int(text == BAD)]
    if name == ".gitlab-ci.yml":
        report = yaml.safe_load(SNIPPETS[name])["specs"]["artifacts"]["reports"]["codequality"]
        assert len(json.loads(Path(report).read_text())) == int(text == BAD)
    else:
        assert runs[1].stdout.count("::error") == int(text == BAD)


def test_the_inputs_that_the_page_names_are_those_of_the_action() -> None:
    inputs = yaml.safe_load(ACTION.read_text())["inputs"]
    assert all(f"`{name}`" in PAGE for name in inputs)
    steps = yaml.safe_load(SNIPPETS[".github/workflows/scan.yml"])["jobs"]["scan"]["steps"]
    (used,) = [step for step in steps if step["uses"].endswith("actions/validate")]
    assert set(used["with"]) <= set(inputs)
    assert (ROOT / used["uses"].removeprefix("./archc/") / "action.yml") == ACTION


# -- pre-commit ---------------------------------------------------------------------------------------------------------


def test_the_hooks_run_commands_that_exist(work: Path) -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [hook["id"] for hook in hooks] == ["archc-validate", "archc-fix"]
    for hook in hooks:
        program, *args = hook["entry"].split()
        assert program == "archc"
        run = subprocess.run(
            ["bin/archc", *args, "specs/good.yaml", "bad dir/net 1.yaml"], capture_output=True, text=True
        )
        assert run.returncode == int(hook["id"] == "archc-validate"), run.stderr
    assert Path("bad dir/net 1.yaml").read_text() == GOOD


def test_the_hook_of_the_page_is_that_of_the_project() -> None:
    (repo,) = yaml.safe_load(SNIPPETS[".pre-commit-config.yaml"])["repos"]
    (shown,) = repo["hooks"]
    known = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[0]
    assert {key: shown[key] for key in ("id", "name", "entry", "language")} == {
        key: known[key] for key in ("id", "name", "entry", "language")
    }
    assert re.match(shown["files"], "specs/imagenet/net.yaml")
