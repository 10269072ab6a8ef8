"""Profiles of devices: what they refuse, where, and that what fits them is not refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import archc
from archc.cli import main
from archc.diagnostics import Diagnostic, Report
from archc.profile import Profile, read_profile
from archc.profile.read import FIELDS, LIMITS

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
