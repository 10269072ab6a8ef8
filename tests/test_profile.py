"""Profiles of devices: what they refuse, where, and that what fits them is not refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from archc.cli import main
from archc.diagnostics import Diagnostic, Report
from archc.profile import Profile, read_profile
from archc.spec.profile import FIELDS, LIMITS

pytest.importorskip("onnx")

HEAD = "archc_profile: 1\nname: npu\n"
SPEC = """archc: 1
name: net
input: {channels: 3, height: 32, width: 32}
stages:
  - {name: conv, type: conv, out_channels: 24, kernel_size: [3, 5], stride: 2, groups: 3}
  - {name: bn, type: batch_norm}
  - {name: act, type: hardswish}
  - {name: body, type: residual, out_channels: 32, act: gelu}
  - {name: pool, type: max_pool, kernel_size: 2, dilation: 2}
  - {name: flatten, type: flatten}
  - {name: drop, type: dropout}
  - {name: fc, type: linear, out_features: 10}
"""


def profile(folder: Path, text: str, head: str = HEAD) -> tuple[Profile | None, list[Diagnostic]]:
    path = folder / "npu.yaml"
    path.write_text(head + text)
    report = Report()
    return read_profile(path, report), report.sorted()


def unfit(folder: Path, text: str, spec: str = SPEC) -> list[tuple[str, str, str]]:
    """(code, path, what stands under the carets) of each finding."""
    found, faults = profile(folder, text)
    assert faults == []
    assert found is not None
    (folder / "net.yaml").write_text(spec)
    loaded = archc.load(folder / "net.yaml")
    assert loaded.check(warnings=False) == []
    rows = []
    for one in loaded.unfit_for(found):
        line = one.span.file.lines()[one.span.line - 1]
        rows.append((one.code, one.path, line[one.span.column - 1 : one.span.end_column - 1]))
    return rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("max_kernel_size: 4", [("A0712", "conv", "[3, 5]")]),
        ("max_kernel_size: 5", []),
        ("max_stride: 1", [("A0712", "conv", "2"), ("A0712", "pool", "max_pool")]),
        ("max_dilation: 1", [("A0712", "pool", "2")]),
        ("max_groups: 2", [("A0712", "conv", "3")]),
        ("channels_multiple_of: 8", [("A0712", "fc", "10")]),
        ("max_channels: 31", [("A0712", "body.conv1", "residual")]),
        ("max_size: 31", [("A0712", "", "{channels: 3, height: 32, width: 32}")]),
        ("max_size: 32", []),
        ("max_rank: 3", [("A0712", "", "{channels: 3, height: 32, width: 32}")]),
        ("max_rank: 4", []),
        ("free_sizes: false", []),
        ("budget: {parameters: 20 k}", [("A0713", "body", "residual")]),
        ("budget: {parameters: 20 G, macs: 1 T, file_size: 1 GiB, activation_memory: 1 GiB}", []),
        ("budget: {file_size: 90 kB}", [("A0713", "body", "residual")]),
        ("budget: {file_size: 90 kB}\nprecision: int8", []),
        ("ops: [Conv, BatchNormalization, HardSwish, Gelu, Add, MaxPool, Flatten, Gemm]", []),
        ("fold: true\nops: [Conv, HardSwish, Gelu, Add, MaxPool, Flatten, Gemm]", []),
        ("ops: [Conv, BatchNormalization, HardSwish, Gelu, Add, MaxPool, Flatten]", [("A0711", "fc", "linear")]),
        ("ops: [Conv, BatchNormalization, HardSwish, Add, MaxPool, Flatten, Gemm]", [("A0711", "body.relu1", "gelu")]),
        (
            "opset: 13\nops: [Conv, BatchNormalization, HardSwish, Gelu, Add, MaxPool, Flatten, Gemm]",
            [("A0711", "act", "hardswish"), ("A0711", "body.relu1", "gelu")],
        ),
    ],
)  # fmt: skip
def test_what_a_device_does_not_take_is_found_where_it_stands(
    text: str, expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    found = unfit(tmp_path, text)
    assert [(code, path) for code, path, _ in found] == [(code, path) for code, path, _ in expected]
    assert found[:1] == expected[:1] or text.startswith(("opset", "ops: [Conv, BatchNormalization, HardSwish, Add"))


def test_free_sizes_are_told_with_the_size_to_write(tmp_path: Path) -> None:
    free = "archc: 1\nname: net\ninput: {channels: 3, height: {min: 32, default: 64}, width: 32}\nstages:\n  - {type: relu}\n"
    found, _ = profile(tmp_path, "free_sizes: false")
    assert found is not None
    (tmp_path / "net.yaml").write_text(free)
    (one,) = archc.load(tmp_path / "net.yaml").unfit_for(found)
    assert (one.code, one.help) == ("A0712", "write `height: 64`")
    assert one.labels[0].span.file.name.endswith("npu.yaml")


def test_heads_of_training_are_not_counted_as_operators(tmp_path: Path) -> None:
    spec = (
        SPEC
        + "  - {name: aux, from: flatten, type: linear, out_features: 7}\noutputs: {y: fc, aux: {from: aux, only: training}}\n"
    )
    assert unfit(tmp_path, "channels_multiple_of: 2", spec) == []
    most = 30_970  # of the network without its head of training
    assert unfit(tmp_path, f"budget: {{parameters: {most}}}", spec) == []
    assert [code for code, *_ in unfit(tmp_path, f"budget: {{parameters: {most - 1}}}", spec)] == ["A0713"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", []),
        ("\n".join(f"{name}: 4" for name in LIMITS), []),
        ("max_kernel: 3", ["A0101"]),
        ("max_size: 0", ["A0104"]),
        ("max_size: big", ["A0103"]),
        ("max_size: [1]", ["A0103"]),
        ("opset: 12", ["A0104"]),
        ("opset: 27", ["A0104"]),
        ("precision: float8", ["A0104"]),
        ("fold: maybe", ["A0103"]),
        ("ops: Conv", ["A0103"]),
        ("ops: [Conv, Covn, Rleu]", ["A0104", "A0104"]),
        ("ops: [1]", ["A0103"]),
        ("budget: 3", ["A0103"]),
        ("budget: {params: 3}", ["A0101"]),
        ("budget: {macs: 3 MiB}", ["A0104"]),
        ("budget: {macs: many}", ["A0103"]),
        ("budget: {macs: -3}", ["A0104"]),
        ("budget: {macs: [3]}", ["A0103"]),
        ("name: again", ["A0005"]),
        ("- x", ["A0004"]),
    ],
)
def test_mistakes_in_a_profile_have_diagnostics(text: str, codes: list[str], tmp_path: Path) -> None:
    found, faults = profile(tmp_path, text)
    assert [one.code for one in faults] == codes
    assert (found is None) == bool(codes)


@pytest.mark.parametrize(
    ("head", "codes"),
    [("name: x\n", ["A0102"]), ("archc_profile: 2\nname: x\n", ["A0106"]), ("archc_profile: 1\n", ["A0102"]), ("[]", ["A0103"])],
)  # fmt: skip
def test_a_profile_says_what_it_is(head: str, codes: list[str], tmp_path: Path) -> None:
    assert [one.code for one in profile(tmp_path, "", head)[1]] == codes


def test_every_field_is_documented_and_has_a_test() -> None:
    assert all(FIELDS.values())
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FIELDS if f"{name}:" not in text and name != "doc"] == []


def test_the_command_finds_it_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC)
    Path("npu.yaml").write_text(HEAD + "max_groups: 2\n")
    for format in ("text", "json", "sarif", "github", "gitlab", "junit", "concise"):
        assert main(["validate", "net.yaml", "--profile", "npu.yaml", "--format", format]) == 1
        assert "A0712" in capsys.readouterr().out
    assert main(["validate", "net.yaml", "net.yaml", "--jobs", "2", "--profile", "npu.yaml"]) == 1
    capsys.readouterr()
    assert main(["validate", "net.yaml", "--profile", "none.yaml"]) == 1
    assert "A0001" in capsys.readouterr().out
    assert main(["validate", "net.yaml", "--profile", "npu.yaml", "--fix"]) == 2
    assert main(["validate", "net.yaml"]) == 0


def test_a_spec_with_mistakes_has_those_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.yaml").write_text(SPEC.replace("type: linear", "type: liner"))
    (tmp_path / "npu.yaml").write_text(HEAD + "max_groups: 2\n")
    assert main(["validate", str(tmp_path / "net.yaml"), "--profile", str(tmp_path / "npu.yaml")]) == 1
    printed = capsys.readouterr().out
    assert "A0105" in printed
    assert "A0712" not in printed


# -- within a spec ------------------------------------------------------------------------------------------------------

FITS = """archc: 1
name: net
input: {channels: 3, height: 32, width: 32}
stages:
  - {name: conv, type: conv, out_channels: 8, kernel_size: 5, bias: false}
  - {name: bn, type: batch_norm}
"""


def named(folder: Path, profile: str, name: str = "net", head: str = FITS) -> archc.Spec:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{head}profile: {profile}\n")
    return archc.load(path)


def found_in(spec: archc.Spec) -> list[tuple[str, str]]:
    """(code, what stands under the carets) of everything that `validate` finds."""
    rows = []
    for one in [*spec.check(warnings=False), *spec.unfit_for()]:
        line = one.span.file.lines()[one.span.line - 1]
        rows.append((one.code, line[one.span.column - 1 : one.span.end_column - 1]))
    return rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("npu.yaml", []),
        ("{name: npu, max_kernel_size: 5}", []),
        ("{name: npu, max_kernel_size: 3}", [("A0712", "5")]),
        ("{name: npu, ops: [Conv]}", [("A0711", "batch_norm")]),
        ("{name: npu, ops: [Conv], fold: true}", []),
        ("{archc_profile: 1, name: npu}", []),
        ("{archc_profile: 2, name: npu}", [("A0106", "2")]),
        ("{max_kernel_size: 5}", [("A0102", "{max_kernel_size: 5}")]),
        ("{name: npu, max_kernel: 5}", [("A0101", "max_kernel")]),
        ("{name: npu, ops: [Covn]}", [("A0104", "Covn")]),
        ("null", [("A0103", "null")]),
        ("3", [("A0103", "3")]),
        ("[npu.yaml]", [("A0103", "[npu.yaml]")]),
        ("npu", [("A0714", "npu")]),
        ("none.yaml", [("A0714", "none.yaml")]),
        ("../npu.yaml", [("A0714", "../npu.yaml")]),
        ("/etc/npu.yaml", [("A0714", "/etc/npu.yaml")]),
        ("list.yaml", [("A0714", "list.yaml")]),
        ("empty.yaml", [("A0714", "empty.yaml")]),
        ("old.yaml", [("A0102", "name: old")]),
        ("link.yaml", [("A0714", "link.yaml")]),
    ],
)
def test_a_spec_names_its_device(text: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, content in (("npu", HEAD), ("list", "[1]\n"), ("empty", ""), ("old", "name: old\n")):
        (tmp_path / "in" / f"{name}.yaml").write_text(content)
    (tmp_path / "npu.yaml").write_text(HEAD)
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "npu.yaml")
    assert found_in(named(tmp_path / "in", text)) == expected


def test_mistakes_in_a_named_profile_show_with_those_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "npu.yaml").write_text(HEAD + "max_kernel: 3\n")
    spec = named(tmp_path, "npu.yaml", head=FITS.replace("kernel_size", "kernel_sizes"))
    assert sorted(code for code, _ in found_in(spec)) == ["A0101", "A0101"]


@pytest.mark.parametrize(
    ("text", "device", "unfit"),
    [("", "npu", 1), ("profile: {name: tpu}\n", "tpu", 0), ("profile: null\n", None, 0), ("profile: sub/x.yaml\n", "x", 1)],
)  # fmt: skip
def test_a_variant_has_its_own_device_or_that_of_its_parent(
    text: str, device: str | None, unfit: int, tmp_path: Path
) -> None:
    for name in ("base", "sub"):
        (tmp_path / name).mkdir()
    (tmp_path / "base" / "npu.yaml").write_text(HEAD + "max_kernel_size: 3\n")
    (tmp_path / "sub" / "x.yaml").write_text("archc_profile: 1\nname: x\nmax_channels: 4\n")
    named(tmp_path, "npu.yaml", "base/net")
    (tmp_path / "own.yaml").write_text(f"extends: base/net.yaml\n{text}")
    spec = archc.load(tmp_path / "own.yaml")
    assert spec.check(warnings=False) == []
    assert (spec.profile.name if spec.profile is not None else None) == device
    assert len(spec.unfit_for()) == unfit
    if not text:
        assert [label.text for label in spec.unfit_for()[0].labels][-1] == "extended here"


def test_the_spec_in_one_file_has_the_profile_in_it(tmp_path: Path) -> None:
    (tmp_path / "npu.yaml").write_text(HEAD + "opset: 17\n")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "net.yaml").write_text(named(tmp_path, "npu.yaml").to_yaml())
    again = archc.load(tmp_path / "one" / "net.yaml")
    assert again.check(warnings=False) == []
    assert again.profile is not None
    assert (again.profile.name, again.profile.opset) == ("npu", 17)


def test_a_compiled_file_tells_its_spec_without_the_device(tmp_path: Path) -> None:
    from archc.api import load_compiled

    (tmp_path / "npu.yaml").write_text(HEAD)
    spec = load_compiled(named(tmp_path, "npu.yaml").metadata(), "net.onnx")
    assert spec.check(warnings=False) == []
    assert spec.profile is None


def test_the_command_compiles_for_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnx

    monkeypatch.chdir(tmp_path)
    named(tmp_path, "{name: npu, opset: 15, fold: true, ops: [Conv]}")
    assert main(["compile", "net.yaml", "--onnx"]) == 0
    assert "for `npu`: opset 15, batch norms folded\n" in capsys.readouterr().out
    made = onnx.load("net.onnx")
    assert made.opset_import[0].version == 15
    assert [node.op_type for node in made.graph.node] == ["Conv"]
    assert main(["compile", "net.yaml", "--onnx", "--opset", "13"]) == 0
    assert onnx.load("net.onnx").opset_import[0].version == 13
    capsys.readouterr()
    assert main(["compile", "net.yaml", "--onnx", "--opset", "16"]) == 1
    assert "`npu` does not read opset 16\n --> net.yaml:7:29" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compile", "validate"])
def test_the_command_line_names_another_device(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    named(tmp_path, "{name: small, max_kernel_size: 3}")
    (tmp_path / "large.yaml").write_text("archc_profile: 1\nname: large\nmax_kernel_size: 7\n")
    target = ["--python"] if command == "compile" else []
    assert main([command, "net.yaml", *target]) == 1
    captured = capsys.readouterr()
    assert "error[A0712]: `small` takes no kernel_size above 3\n --> net.yaml:5:60" in captured.out + captured.err
    assert not (tmp_path / "net.py").exists()
    assert main([command, "net.yaml", *target, "--profile", "large.yaml"]) == 0
    assert main([command, "net.yaml", *target, "--profile", "none.yaml"]) == 1


def test_fixed_sizes_fit_a_device_without_free_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    free = FITS.replace("height: 32", "height: {min: 8, default: 32}")
    named(tmp_path, "{name: npu, free_sizes: false}", head=free)
    assert main(["compile", "net.yaml", "--onnx"]) == 1
    assert main(["compile", "net.yaml", "--onnx", "--size", "16", "32"]) == 0


@pytest.mark.parametrize(("most", "words", "unfit"), [(5, "fits", 0), (3, "does not fit, 1 finding", 1)])
def test_show_says_whether_it_fits(
    most: int, words: str, unfit: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    named(tmp_path, f"{{name: npu, max_kernel_size: {most}}}")
    assert main(["show", str(tmp_path / "net.yaml")]) == 0
    assert f"profile: npu, which it {words}" in capsys.readouterr().out
    assert main(["show", str(tmp_path / "net.yaml"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["profile"] == {"name": "npu", "unfit": unfit}


def test_what_is_mended_is_checked_for_the_device_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named(tmp_path, "{name: npu, max_kernel_size: 3}", head=FITS.replace("kernel_size", "kernel_sise"))
    assert main(["validate", "--fix", str(tmp_path / "net.yaml")]) == 1
    assert "A0712" in capsys.readouterr().out
