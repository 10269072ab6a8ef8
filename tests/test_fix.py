"""`--fix`: only what is certain is changed, comments and layout stay, and what is left is told."""

from __future__ import annotations

import os
import random
import re
import shutil
import stat
import string
import subprocess
import sys
from pathlib import Path

import pytest

import archc
from archc.api import load_with
from archc.cli import main
from archc.diagnostics.fixes import certain, distance
from archc.fix import fixed

ROOT = Path(__file__).resolve().parent.parent
HEAD = "archc: 1\nname: net\ninput: {channels: 3, height: 32, width: 32}\n"
CONV = "{name: a, type: conv, out_channels: 8, kernel_size: 3}"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def repair(text: str | bytes, name: str = "net.yaml") -> bytes:
    """What `--fix` makes of a file."""
    path = Path(name)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    main(["validate", "--fix", name])
    return path.read_bytes()


def stages(*rows: str) -> str:
    return HEAD + "stages:\n" + "".join(f"  - {row}\n" for row in rows)


CASES = {
    "a field": (
        stages("{name: a, type: conv, out_chanels: 8, kernal_size: 3}  # the stem"),
        stages("{name: a, type: conv, out_channels: 8, kernel_size: 3}  # the stem"),
    ),
    "a field with odd spaces": (
        stages("{ name : a ,type:   conv , out_channels : 8,kernel_szie:3 , bias: true}").replace("szie:3", "szie: 3"),
        stages("{ name : a ,type:   conv , out_channels : 8,kernel_size:3 , bias: true}").replace("size:3", "size: 3"),
    ),
    "a field over lines": (
        HEAD
        + "stages:\n\n  - name: a # first\n    type: conv\n    # width\n    out_channel: 8\n    kernel_size:\n      3\n",
        HEAD
        + "stages:\n\n  - name: a # first\n    type: conv\n    # width\n    out_channels: 8\n    kernel_size:\n      3\n",
    ),
    "a quoted field": (
        stages("{name: a, type: conv, out_channels: 8, 'kernel_sise': 3}"),
        stages("{name: a, type: conv, out_channels: 8, 'kernel_size': 3}"),
    ),
    "case and hyphens": (
        stages("{name: a, type: conv, Out-Channels: 8, kernelSize: 3}"),
        stages("{name: a, type: conv, out_channels: 8, kernel_size: 3}"),
    ),
    "a field of every stage": (
        stages(CONV, "{name: b, type: relu, form: a}"),
        stages(CONV, "{name: b, type: relu, from: a}"),
    ),
    "a field of input": (stages(CONV).replace("height", "hieght"), stages(CONV)),
    "a field of the spec": (stages(CONV).replace("stages:", "stagse:"), stages(CONV)),
    "the type's own key": (stages(CONV.replace("type", "tpye")), stages(CONV)),
    "a type": (stages(CONV, "{type: batchnorm}"), stages(CONV, "{type: batch_norm}")),
    "a type with a capital": (stages(CONV.replace("conv", "Conv")), stages(CONV)),
    "a type in double quotes": (
        stages(CONV, '{type: "max_poll", kernel_size: 2}'),
        stages(CONV, '{type: "max_pool", kernel_size: 2}'),
    ),
    "a type, and then its field": (
        stages(CONV, "{type: maxpool, kernal_size: 2}"),
        stages(CONV, "{type: max_pool, kernel_size: 2}"),
    ),
    "a block of the spec": (
        HEAD + "blocks:\n  stem:\n    stages: [" + CONV + "]\nstages:\n  - {type: setm}\n",
        HEAD + "blocks:\n  stem:\n    stages: [" + CONV + "]\nstages:\n  - {type: stem}\n",
    ),
    "a param in an expression": (
        HEAD + "params: {width: 8}\nstages:\n  - {type: conv, out_channels: '${ 2 * widht }', kernel_size: 3}\n",
        HEAD + "params: {width: 8}\nstages:\n  - {type: conv, out_channels: '${ 2 * width }', kernel_size: 3}\n",
    ),
    "a field of a param": (
        HEAD + "params: {width: {type: int, defualt: 8}}\nstages: [" + CONV + "]\n",
        HEAD + "params: {width: {type: int, default: 8}}\nstages: [" + CONV + "]\n",
    ),
    "a param's type": (
        HEAD + "params: {width: {type: strng, default: x}}\nstages: [" + CONV + "]\n",
        HEAD + "params: {width: {type: string, default: x}}\nstages: [" + CONV + "]\n",
    ),
    "a reference": (
        stages(CONV.replace("a,", "stem,"), "{name: b, type: relu}", "{type: add, from: [sten, b]}"),
        stages(CONV.replace("a,", "stem,"), "{name: b, type: relu}", "{type: add, from: [stem, b]}"),
    ),
    "the input as a reference": (
        stages(CONV, "{type: concat, from: [inptu, a]}").replace("size: 3", "size: 1"),
        stages(CONV, "{type: concat, from: [input, a]}").replace("size: 3", "size: 1"),
    ),
    "an output's stage": (
        stages(CONV.replace("name: a", "name: head")) + "outputs: {logits: haed}\n",
        stages(CONV.replace("name: a", "name: head")) + "outputs: {logits: head}\n",
    ),
    "a claim's path": (
        stages(CONV.replace("name: a", "name: head")) + "expect: {heda: [8, 30, 30]}\n",
        stages(CONV.replace("name: a", "name: head")) + "expect: {head: [8, 30, 30]}\n",
    ),
    "a budget's field": (
        stages(CONV) + "budget: {paramters: 1e6}\n",
        stages(CONV) + "budget: {parameters: 1e6}\n",
    ),
    "a field of defaults": (
        HEAD + "defaults: {batch_norm: {esp: 1e-3}}\n" + stages(CONV, "{type: batch_norm}").removeprefix(HEAD),
        HEAD + "defaults: {batch_norm: {eps: 1e-3}}\n" + stages(CONV, "{type: batch_norm}").removeprefix(HEAD),
    ),
    "a distribution and its constant": (
        HEAD + "init: {conv: {weight: {type: kaiming_norml, moed: fan_out}}}\nstages: [" + CONV + "]\n",
        HEAD + "init: {conv: {weight: {type: kaiming_normal, mode: fan_out}}}\nstages: [" + CONV + "]\n",
    ),
    "a choice": (
        stages(CONV, "{name: b, type: residual, out_channels: 8, shortcut: Identity}"),
        stages(CONV, "{name: b, type: residual, out_channels: 8, shortcut: identity}"),
    ),
    "a bool in quotes": (
        stages(CONV.replace("}", ", bias: 'false'}")),
        stages(CONV.replace("}", ", bias: false}")),
    ),
    "a bool of YAML 1.1": (
        stages(CONV.replace("}", ", bias: no}")),
        stages(CONV.replace("}", ", bias: false}")),
    ),
    "a bool of every stage": (
        stages(CONV.replace("}", ", repeat: 2, inline: 'True'}").replace("name: a", 'name: "a${i}"')).replace(
            "8,", "3,"
        ),
        stages(CONV.replace("}", ", repeat: 2, inline: true}").replace("name: a", 'name: "a${i}"')).replace("8,", "3,"),
    ),
    "an int in quotes": (stages(CONV.replace("3}", '"3"}')), stages(CONV)),
    "a float in quotes": (
        stages(CONV, "{type: dropout, p: '0.5'}"),
        stages(CONV, "{type: dropout, p: 0.5}"),
    ),
    "an expression without quotes": (
        HEAD + "params: {w: 8}\nstages: # all\n  - {type: conv, out_channels: ${w * 2}, kernel_size: 3} # one\n",
        HEAD + 'params: {w: 8}\nstages: # all\n  - {type: conv, out_channels: "${w * 2}", kernel_size: 3} # one\n',
    ),
    "expressions without quotes, with words": (
        HEAD
        + "params: {k: 3}\nstages:\n  - {name: c${i}, type: conv, out_channels: 3, kernel_size: [${k},${k}], repeat: 2, inline: true}\n",
        HEAD
        + 'params: {k: 3}\nstages:\n  - {name: "c${i}", type: conv, out_channels: 3, kernel_size: ["${k}","${k}"], repeat: 2, inline: true}\n',
    ),
    "an expression with quotes inside": (
        HEAD + 'params: {w: x}\nstages:\n  - {type: conv, out_channels: ${8 if w == "x" else 4}, kernel_size: 3}\n',
        HEAD + "params: {w: x}\nstages:\n  - {type: conv, out_channels: '${8 if w == \"x\" else 4}', kernel_size: 3}\n",
    ),
    "the version": ("# a network\n\n" + stages(CONV).removeprefix("archc: 1\n"), "# a network\n\n" + stages(CONV)),
    "the version in quotes": (stages(CONV).replace("archc: 1", "archc: '1'"), stages(CONV)),
    "a key twice in a line": (
        stages(CONV.replace("}", ", bias: true, bias: true}")),
        stages(CONV.replace("}", ", bias: true}")),
    ),
    "a key twice over lines": (
        HEAD + "name: net\n" + "stages:\n  - type: relu\n    type: relu\n",
        HEAD + "stages:\n  - type: relu\n",
    ),
    "a key twice, of the wrong kind": (
        stages(CONV.replace("}", ", bias: 'no', bias: 'no'}")),
        stages(CONV.replace("}", ", bias: false}")),
    ),
    "no line end at the end": (stages(CONV.replace("type", "typ")).rstrip(), stages(CONV).rstrip()),
    "wide and combining characters before it": (
        stages("{doc: 'e\u0301 卷积 😀', name: a, type: conv, out_channels: 8, kernel_sizes: 3}"),
        stages("{doc: 'e\u0301 卷积 😀', name: a, type: conv, out_channels: 8, kernel_size: 3}"),
    ),
    "lines that only YAML counts": (
        stages(CONV.replace("type", "typ")).replace("name: net", "name: net # a\u2028# b\x85# c"),
        stages(CONV).replace("name: net", "name: net # a\u2028# b\x85# c"),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("layout", ["lf", "crlf", "bom"])
def test_what_is_certain_is_mended_and_nothing_else_changes(case: str, layout: str) -> None:
    def laid_out(text: str) -> bytes:
        data = text.replace("\n", "\r\n").encode() if layout == "crlf" else text.encode()
        return b"\xef\xbb\xbf" + data if layout == "bom" else data

    before, after = map(laid_out, CASES[case])
    assert before != after
    assert repair(before) == after
    assert archc.load("net.yaml").check(warnings=False) == []


LEFT_ALONE = {
    "another number": stages(CONV.replace("a,", "conv1,"), "{type: relu, from: conv2}"),
    "a number more": stages(CONV, "{type: batch_norm2d}"),
    "two that are as near": stages(CONV.replace("a,", "left,"), "{name: lest, type: relu}", "{type: relu, from: lect}"),
    "what is there already": stages(CONV.replace("}", ", kernal_size: 5}")),
    "what is far off": stages(CONV.replace("kernel_size", "size")),
    "what is inferred": stages(CONV.replace("}", ", in_channels: 3}")),
    "a word for a number": stages(CONV.replace("3}", "three}")),
    "a word for a bool": stages(CONV.replace("}", ", bias: nope}")),
    "a doubled key of another value": stages(CONV.replace("}", ", bias: true, bias: false}")),
    "a doubled key with a comment": HEAD + "name: net # again\nstages: [" + CONV + "]\n",
    "text beside an expression": HEAD
    + "params: {w: 8}\nstages:\n  - {type: conv, out_channels: ${w} * 2, kernel_size: 3}\n",
    "a shape": stages(CONV, "{type: linear, out_features: 3}"),
    "several keys that are missing": "stages: [" + CONV + "]\n",
    "another version": stages(CONV).replace("archc: 1", "archc: 2"),
    "short words": stages("{name: a, type: dropout, pp: 0.5}"),
    "a broken file": stages(CONV).replace("}", ""),
}


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_what_is_not_certain_is_left_alone(case: str) -> None:
    assert repair(LEFT_ALONE[case]) == LEFT_ALONE[case].encode()
    assert archc.load("net.yaml").check(warnings=False) != []


def test_what_was_mended_and_what_is_left_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(stages(CONV.replace("kernel_size", "kernal_size"), "{name: fc, type: linear}"))
    assert main(["validate", "net.yaml"]) == 1
    assert capsys.readouterr().out.endswith("\n2 errors in 1 of 1 file\n1 of 2 can be fixed with `--fix`\n")
    assert main(["validate", "--fix", "net.yaml"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("fixed net.yaml:5:44: A0101: `kernal_size` becomes `kernel_size`\nerror[A0102]: ")
    assert out.endswith("\n1 error in 1 of 1 file\n")
    assert main(["validate", "--fix", "net.yaml"]) == 1
    assert not capsys.readouterr().out.startswith("fixed")


def test_nothing_is_left_then_the_exit_code_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.yaml").write_text(stages(CONV.replace("kernel_size", "kernal_size")))
    assert main(["validate", "--fix", "net.yaml", "--format", "json"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "[]\n"
    assert printed.err.startswith("fixed net.yaml:5:44: ")


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
def test_a_diff_changes_nothing_and_fits(end: str, capsys: pytest.CaptureFixture[str]) -> None:
    after = stages(CONV + " # ünten").rstrip() + end
    before = after.replace("kernel_size", "kernal_size")
    Path("net.yaml").write_bytes(before.encode())
    assert main(["validate", "--diff", "net.yaml"]) == 1
    printed = capsys.readouterr()
    assert Path("net.yaml").read_bytes() == before.encode()
    assert printed.out.splitlines()[:2] == ["--- a/net.yaml", "+++ b/net.yaml"]
    assert "no errors" in printed.err
    if shutil.which("git"):
        subprocess.run(["git", "apply", "-"], input=printed.out.encode(), check=True)
        assert Path("net.yaml").read_bytes() == after.encode()
    Path("net.yaml").write_bytes(after.encode())
    assert main(["validate", "--diff", "net.yaml"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("option", ["--fix", "--diff"])
def test_of_standard_input_the_mended_text_is_printed(option: str) -> None:
    before = b"\xef\xbb\xbf" + stages(CONV.replace("kernel_size", "kernal_size")).replace("\n", "\r\n").encode()
    command = [sys.executable, "-m", "archc", "validate", option, "-"]
    run = subprocess.run(command, input=before, capture_output=True)
    after = before.replace(b"kernal", b"kernel")
    if option == "--fix":
        assert (run.returncode, run.stdout) == (0, after)
        assert run.stderr.decode().splitlines()[0].startswith("fixed <stdin>:5:44: ")
    else:
        assert run.returncode == 1
        assert run.stdout.startswith(b"--- a/<stdin>\n+++ b/<stdin>\n")
        assert run.stdout.count(b"\r\n") == 5
    assert os.listdir() == []


def test_of_clean_standard_input_the_text_is_printed_as_it_is() -> None:
    command = [sys.executable, "-m", "archc", "validate", "--fix", "-"]
    run = subprocess.run(command, input=stages(CONV).encode(), capture_output=True)
    assert (run.returncode, run.stdout) == (0, stages(CONV).encode())


def test_files_that_are_not_named_are_not_changed(capsys: pytest.CaptureFixture[str]) -> None:
    base = stages(CONV.replace("kernel_size", "kernal_size"))
    Path("base.yaml").write_text(base)
    Path("variant.yaml").write_text("extends: base.yaml\nname: variant\n")
    assert main(["validate", "--fix", "variant.yaml"]) == 1
    assert "can be fixed" not in capsys.readouterr().out
    assert Path("base.yaml").read_text() == base
    assert main(["validate", "--fix", "variant.yaml", "base.yaml"]) == 0
    assert Path("base.yaml").read_text() == stages(CONV)
    assert Path("variant.yaml").read_text() == "extends: base.yaml\nname: variant\n"
    assert capsys.readouterr().out.endswith("2 files checked, no errors\n")


def test_what_ships_is_not_changed(capsys: pytest.CaptureFixture[str]) -> None:
    before = (ROOT / "specs" / "imagenet" / "resnet18.yaml").read_bytes()
    assert main(["validate", "--fix", "resnet18", "--set", "num_clases=3"]) == 1
    assert (ROOT / "specs" / "imagenet" / "resnet18.yaml").read_bytes() == before


def test_a_file_keeps_its_mode_and_a_link_stays_one() -> None:
    Path("real.yaml").write_text(stages(CONV.replace("kernel_size", "kernal_size")))
    Path("real.yaml").chmod(0o640)
    Path("net.yaml").symlink_to("real.yaml")
    assert main(["validate", "--fix", "net.yaml"]) == 0
    assert Path("net.yaml").is_symlink()
    assert Path("real.yaml").read_text() == stages(CONV)
    assert stat.S_IMODE(Path("real.yaml").stat().st_mode) == 0o640
    assert sorted(os.listdir()) == ["net.yaml", "real.yaml"]


def test_what_cannot_be_written_is_a_diagnostic(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stages(CONV.replace("kernel_size", "kernal_size"))
    Path("net.yaml").write_text(before)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    assert main(["validate", "--fix", "net.yaml"]) == 1
    assert "error[A0704]: cannot write `net.yaml`: permission denied" in capsys.readouterr().err
    assert Path("net.yaml").read_text() == before
    assert os.listdir() == ["net.yaml"]


def test_a_fix_after_which_something_is_wrong_there_is_undone() -> None:
    """`cnov` is `conv` for certain, but it would be a stage that takes itself."""
    text = stages("{name: convolve, type: conv, out_channels: 8, kernel_size: 3, from: convolv}")
    assert repair(text) == text.encode()


def test_a_fix_that_uncovers_a_warning_is_made() -> None:
    before = stages(CONV.replace("}", ', bias: "true"}'), "{type: batch_norm}")
    assert repair(before) == before.replace('"true"', "true").encode()
    assert [one.code for one in archc.load("net.yaml").check() if one.severity == "error"] == []


def test_one_that_is_undone_does_not_keep_others_from_being_made() -> None:
    row = "{name: convolve, type: conv, out_channels: 8, %s: 3, from: convolv}"
    assert repair(stages(row % "kernal_size")) == stages(row % "kernel_size").encode()


def test_more_mistakes_than_are_shown_are_mended_all_the_same() -> None:
    rows = [f"{{name: a{at}, type: linear, out_feature: 3}}" for at in range(300)]
    text = stages("{type: flatten}", *rows)
    assert repair(text).decode() == text.replace("out_feature:", "out_features:")
    doubled = stages(CONV.replace("}", ", bias: true" * 300 + "}"))
    assert repair(doubled, "doubled.yaml").decode() == stages(CONV.replace("}", ", bias: true}"))


SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


def _repaired(data: bytes, path: Path) -> bytes:
    return fixed(data, lambda text: load_with(path, [], text)).data


@pytest.mark.parametrize("path", SPECS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_valid_spec_is_never_changed(path: Path) -> None:
    if not archc.load(path).check(warnings=False):
        assert _repaired(path.read_bytes(), path) == path.read_bytes()


WORD = re.compile(r"(?<![\w$.-])[a-z][a-z_]{3,}(?=:)|(?<=type: )[a-z_]{4,}")


def misspelt(word: str, chance: random.Random) -> str:
    """`word` with one character left out, put in, changed, or swapped with its neighbour."""
    at = chance.randrange(len(word))
    letter = chance.choice(string.ascii_lowercase)
    kinds = [
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :],
    ]
    return chance.choice([kind for kind in kinds if kind != word] or [word + "x"])


def test_single_misspellings_are_mended_to_the_very_text() -> None:
    """Of fields and types with one misspelling, most come back as they were, and none otherwise than valid."""
    chance = random.Random(20)
    whole = mended = other = 0
    sources = [path for path in SPECS if path.parent.name != "families"]
    for _ in range(120):
        path = chance.choice(sources)
        text = path.read_text(encoding="utf-8")
        match = chance.choice(list(WORD.finditer(text)))
        wrong = text[: match.start()] + misspelt(match[0], chance) + text[match.end() :]
        if not load_with(path, [], wrong.encode()).check(warnings=False):
            continue  # another legal name
        whole += 1
        repaired = _repaired(wrong.encode(), path).decode()
        mended += repaired == text
        other += repaired not in (text, wrong) and not load_with(path, [], repaired.encode()).check(warnings=False)
    assert whole > 80
    assert mended / whole >= 0.93, f"{mended} of {whole}"
    assert other / whole <= 0.03, f"{other} of {whole} became another valid spec"


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("strid", ["stride", "padding"], "stride"),
        ("esp", ["eps", "p"], "eps"),
        ("conv2", ["conv1"], ""),
        ("lest", ["left", "lost"], ""),
        ("Batch-Norm", ["batch_norm"], "batch_norm"),
        ("p", ["q"], ""),
        ("mni", ["min", "max"], "min"),
        ("output", ["outputs", "input"], "outputs"),
        ("kernelsize", ["kernel_size"], "kernel_size"),
        ("", ["stride"], ""),
        ("stride", [], ""),
    ],
)
def test_what_is_certain(word: str, known: list[str], expected: str) -> None:
    assert certain(word, known) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "abc", 0),
        ("abc", "acb", 1),
        ("abc", "ab", 1),
        ("abc", "xbc", 1),
        ("ca", "abc", 3),
    ],
)
def test_the_distance_counts_a_swap_as_one(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == distance(b, a) == expected
