"""The formats for machines: each is what its reader expects, with stable and unique fingerprints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from archc.cli import main

BAD = """archc: 1
name: bad
input: {channels: 3, height: 32, width: 32}
stages:
  - {name: a, type: conv, out_channels: 4, kernel_size: 3, strid: 2}
  - {name: b, type: conv, out_channels: 6, kernel_size: 3, groups: 4}
  - {name: c, type: conv, out_channels: 6, kernel_size: 3, strid: 2}
"""
GOOD = "archc: 1\nname: good\ninput: {features: 8}\nstages:\n  - {name: fc, type: linear, out_features: 3}\n"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("sub/bad, 100%.yaml").write_text(BAD)
    Path("sub/good.yaml").write_text(GOOD)


def validate(format: str, capsys: pytest.CaptureFixture[str], *paths: str, code: int = 1) -> str:
    """What `archc validate --format` prints."""
    assert main(["validate", *(paths or ("sub",)), "--format", format]) == code
    return capsys.readouterr().out


def test_concise_is_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    lines = validate("concise", capsys).splitlines()
    assert lines[0] == "sub/bad, 100%.yaml:5:60: error[A0101]: `conv` has no field `strid` (unknown field)"
    assert len(lines) == 3


def test_github_commands_escape_what_the_grammar_reserves(capsys: pytest.CaptureFixture[str]) -> None:
    lines = validate("github", capsys).splitlines()
    grammar = re.compile(r"::(error|warning) (?:[a-zA-Z]+=[^:,\r\n]*)(?:,[a-zA-Z]+=[^:,\r\n]*)*::[^\r\n]+\Z")
    assert all(grammar.match(line) for line in lines)
    assert lines[0].startswith(
        "::error file=sub/bad%2C 100%25.yaml,line=5,endLine=5,title=A0101 unknown-field,col=60,endColumn=64::"
    )


def test_gitlab_has_what_code_quality_needs(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(validate("gitlab", capsys))
    assert [row["location"]["lines"]["begin"] for row in rows] == [5, 6, 7]
    for row in rows:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == set(row)
        assert row["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert len({row["fingerprint"] for row in rows}) == 3


def test_fingerprints_stay_when_lines_move(capsys: pytest.CaptureFixture[str]) -> None:
    before = [row["fingerprint"] for row in json.loads(validate("gitlab", capsys))]
    Path("sub/bad, 100%.yaml").write_text("# a comment\n\n" + BAD)
    assert [row["fingerprint"] for row in json.loads(validate("gitlab", capsys))] == before


def test_sarif_has_rules_results_and_regions(capsys: pytest.CaptureFixture[str]) -> None:
    log = json.loads(validate("sarif", capsys))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "sub/bad%2C%20100%25.yaml"
        assert place["region"]["startLine"] >= 1
        assert place["region"]["endColumn"] > place["region"]["startColumn"]


def test_junit_has_a_case_for_each_file(capsys: pytest.CaptureFixture[str]) -> None:
    root = ElementTree.fromstring(validate("junit", capsys))
    assert root.tag == "testsuites"
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    bad, good = suite
    assert (bad.get("name"), good.get("name")) == ("sub/bad, 100%.yaml", "sub/good.yaml")
    failure = bad.find("failure")
    assert failure is not None
    assert failure.get("message", "").endswith("and 2 more")
    assert "A0302" in str(failure.text)
    assert len(good) == 0


@pytest.mark.parametrize(("format", "clean"), [("concise", ""), ("github", ""), ("gitlab", "[]\n"), ("json", "[]\n")])
def test_a_clean_run_reports_nothing(format: str, clean: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(format, capsys, "sub/good.yaml", code=0) == clean


@pytest.mark.parametrize("format", ["concise", "json", "github", "gitlab", "sarif", "junit"])
def test_control_characters_never_reach_the_output(format: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("esc.yaml").write_text(GOOD.replace("linear", '"lin\\u001b[31mear\\u202e"'))
    out = validate(format, capsys, "esc.yaml")
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", out)


def test_the_hook_for_pre_commit_runs_a_command_that_exists() -> None:
    (hook,) = yaml.safe_load((Path(__file__).parent.parent / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language"} <= set(hook)
    program, command = hook["entry"].split()
    assert program == "archc"
    assert main([command, "sub/good.yaml"]) == 0
