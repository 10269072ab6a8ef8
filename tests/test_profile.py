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


# -- what the file holds ------------------------------------------------------------------------------------------------

SUMMED = """archc: 1
name: net
input: {channels: 8, height: 16, width: 16}
stages:
  - {name: feat, type: conv, out_channels: 8, kernel_size: 3, padding: 1}
  - {name: sum, type: add, from: [feat, input]}
outputs: {feat: feat, y: sum}
"""
TWICE = """archc: 1
name: net
input: {channels: 8, height: 16, width: 16}
stages:
  - {name: act, type: relu}
outputs: {a: act, b: act, c: input}
"""
CELU = """archc: 1
name: net
input: {channels: 8, height: 16, width: 16}
stages:
  - {name: conv, type: conv, out_channels: 8, kernel_size: 3}
  - {name: act, type: celu}
"""
INPUT = "{channels: 8, height: 16, width: 16}"


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        (SUMMED, "ops: [Conv, Add]", [("A0711", "feat", "conv")]),
        (SUMMED, "ops: [Conv, Add]\nfold: true", [("A0711", "feat", "conv")]),
        (SUMMED, "ops: [Conv, Add, Identity]", []),
        (SUMMED.replace("{feat: feat, y: sum}", "{y: sum}"), "ops: [Conv, Add]", []),
        (TWICE, "ops: [Relu]", [("A0711", "", INPUT), ("A0711", "act", "relu")]),
        (TWICE, "ops: [Relu, Identity]", []),
        (TWICE, "ops: [Relu, Identity]\nprecision: float16", [("A0711", "", INPUT)]),
        (CELU, "ops: [Conv, Celu]", []),
        (CELU, "ops: [Conv, Celu]\nprecision: int8", []),
        (CELU, "ops: [Conv, Celu]\nprecision: float16", [("A0711", "", INPUT), ("A0711", "act", "celu")]),
        (CELU, "ops: [Conv, Celu, Cast]\nprecision: float16", []),
    ],
)
def test_operators_that_no_stage_names_are_found_too(
    spec: str, text: str, expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    assert unfit(tmp_path, text, spec) == expected


def pooled(size: int, *more: str, type: str = "adaptive_avg_pool") -> str:
    return f"""archc: 1
name: net
input: {{channels: 8, height: 64, width: 64}}
stages:
  - {{name: pool, type: {type}, output_size: {size}}}
""" + "".join(f"  - {{{one}}}\n" for one in more)


@pytest.mark.parametrize(
    ("spec", "text", "label"),
    [
        (pooled(2), "max_kernel_size: 31", "`adaptive_avg_pool` from 64 × 64 to 2 × 2 becomes AveragePool with kernel_size 32 × 32"),
        (pooled(2), "max_stride: 31", "`adaptive_avg_pool` from 64 × 64 to 2 × 2 becomes AveragePool with stride 32 × 32"),
        (pooled(2, type="adaptive_max_pool"), "max_stride: 2", "`adaptive_max_pool` from 64 × 64 to 2 × 2 becomes MaxPool with stride 32 × 32"),
        (pooled(2), "max_kernel_size: 32\nmax_stride: 32\nmax_rank: 4", None),
        (pooled(7), "max_rank: 4", "`adaptive_avg_pool` from 64 × 64 to 7 × 7 becomes Gather with 5 axes"),
        (pooled(7), "max_rank: 5\nmax_kernel_size: 1\nmax_stride: 1\nmax_size: 64", None),
        (pooled(1), "max_rank: 4\nmax_kernel_size: 1", None),
        (pooled(8, "name: norm, type: group_norm, num_groups: 4"), "max_size: 100", "`group_norm` on 8 × 8 becomes Reshape with 128 rows along an axis"),
        (pooled(8, "name: norm, type: group_norm, num_groups: 4"), "max_size: 128\nmax_channels: 8\nmax_rank: 4", None),
        (pooled(8, "name: norm, type: layer_norm"), "max_size: 64\nmax_channels: 8", None),
        (pooled(32, "name: last, type: channels_last", "name: norm, type: rms_norm"), "max_size: 64\nmax_channels: 8", None),
        (pooled(8, "name: norm, type: local_response_norm, size: 4"), "max_kernel_size: 8\nmax_size: 64", None),
        (pooled(8, "name: norm, type: local_response_norm, size: 9"), "max_kernel_size: 8", None),
    ],
)  # fmt: skip
def test_limits_hold_for_what_stages_become(spec: str, text: str, label: str | None, tmp_path: Path) -> None:
    found, _ = profile(tmp_path, text)
    assert found is not None
    (tmp_path / "net.yaml").write_text(spec)
    assert archc.load(tmp_path / "net.yaml").check(warnings=False) == []
    assert [one.label for one in archc.load(tmp_path / "net.yaml").unfit_for(found)] == ([label] if label else [])


def test_limits_at_one_place_are_told_together(tmp_path: Path) -> None:
    found, _ = profile(tmp_path, "max_kernel_size: 31\nmax_stride: 31")
    assert found is not None
    (tmp_path / "net.yaml").write_text(pooled(2))
    (one,) = archc.load(tmp_path / "net.yaml").unfit_for(found)
    assert one.message == "`npu` takes no kernel_size above 31"
    assert any(note.startswith("`npu` takes no stride above 31: `adaptive_avg_pool` from") for note in one.notes)


MANY = """archc: 1
name: net
input: {channels: 8, height: HEIGHT, width: 20}
stages:
  - {name: conv, type: conv, out_channels: 8, kernel_size: 3, padding: 1}
  - {name: group, type: group_norm, num_groups: 4}
  - {name: layer, type: layer_norm}
  - {name: rms, type: rms_norm}
  - {name: local, type: local_response_norm, size: 4}
  - {name: gelu, type: gelu}
  - {name: up, type: upsample, scale_factor: 2}
  - {name: again, type: group_norm, num_groups: 2}
  - {name: sum, type: multiply, from: [again, again, up]}
  - {name: last, type: channels_last}
  - {name: fc, type: linear, out_features: 6}
  - {name: first, type: channels_first}
  - {name: celu, type: celu}
  - {name: max, type: adaptive_max_pool, output_size: [5, 3]}
  - {name: mean, from: celu, type: adaptive_avg_pool, output_size: 7}
outputs: {max: max, mean: mean, fc: first, twice: max}
"""


@pytest.mark.parametrize("height", ["24", "{min: 8, max: 24, default: 16}"])
@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("half", [False, True])
def test_shapes_within_stages_are_those_that_a_run_gives(height: str, opset: int, half: bool, tmp_path: Path) -> None:
    import numpy as np
    import onnx

    from archc.backends.onnx import Form, build, emitted

    onnxruntime = pytest.importorskip("onnxruntime")
    (tmp_path / "net.yaml").write_text(MANY.replace("HEIGHT", height))
    graph = archc.load(tmp_path / "net.yaml").graph
    largest, form = archc.load(tmp_path / "net.yaml").graph.types, Form(opset, fold=True, half=half)
    if "min" in height:
        from archc.analysis.replay import types_at

        largest = tuple(types_at(graph, (24, 20))[0])
    found = emitted(graph, form, largest)
    model = build(graph, archc.load(tmp_path / "net.yaml").state(), form).whole()
    shown = {one.name for one in model.graph.output}
    assert [one.kind for one in found] == [node.op_type for node in model.graph.node]
    model.graph.output.extend(
        onnx.ValueInfoProto(name=node.output[0]) for node in model.graph.node if node.output[0] not in shown
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.zeros((2, 8, 24, 20), np.float32)
    names = [node.output[0] for node in model.graph.node]
    shapes = {name: value.shape for name, value in zip(names, session.run(names, {"input": x}), strict=True)}
    inner = [(one, shapes[name]) for one, name in zip(found, names, strict=True) if one.is_inner]
    assert len(inner) > 20
    for one, shape in inner:
        assert one.dims is not None, one
        assert len(one.dims) == len(shape), one
        assert all(size in (None, real) for size, real in zip(one.dims, shape, strict=True)), (one, shape)
    assert {one.path for one in found} <= {node.path for node in graph.nodes} | {""}
    assert [(one.output, one.path) for one in found if one.output] == (
        [("max", "max"), ("mean", "mean"), ("fc", "first"), ("twice", "max")] if half else [("twice", "max")]
    )


def test_checking_makes_no_weight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archc.backends import initialise

    def draw(*_: object) -> None:
        raise AssertionError("a weight is drawn")

    monkeypatch.setattr(initialise, "draw", draw)
    assert unfit(tmp_path, "ops: [Conv]\nfold: true\nmax_rank: 4\nprecision: float16") != []


# -- free sizes ---------------------------------------------------------------------------------------------------------


def free(height: str, *stages: str) -> str:
    rows = "".join(f"  - {{{one}}}\n" for one in stages or ("type: relu",))
    return f"archc: 1\nname: net\ninput: {{channels: 4, height: {height}, width: 32}}\nstages:\n{rows}"


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        (
            free("{min: 32, default: 64}"), "max_size: 128",
            [("`height` is free without a maximum", "write `height: {min: 32, max: 128, default: 64}`, or fix it")],
        ),
        (
            free("{min: 32, max: 512, multiple_of: 24, default: 72}"), "max_size: 128",
            [("`height` is free up to 512", "write `height: {min: 32, max: 120, multiple_of: 24, default: 72}`, or fix it")],
        ),
        (free("{min: 32, max: 128, default: 64}"), "max_size: 128", []),
        (free("{max: 130, multiple_of: 4, default: 64}"), "max_size: 128", []),
        (free("{default: 256}"), "max_size: 128", [("the input is (N, 4, 256, 32)", "use a smaller input")]),
        (
            free("{max: 128, default: 32}", "type: upsample, scale_factor: 2"), "max_size: 128",
            [("what it gives is (N, 4, 256, 64), where the input is 128 × 32", "narrow the stage, or use another")],
        ),
        (
            free("{max: 32, default: 16}", "type: group_norm, num_groups: 2"), "max_size: 1024",
            [("`group_norm` on 32 × 32 becomes Reshape with 2048 rows along an axis, where the input is 32 × 32", "use another type, or other sizes")],
        ),
        (
            free("{default: 32}", "type: flatten"), "max_channels: 5000",
            [("what it gives grows with the input, which has no maximum", "narrow the stage, or use another")],
        ),
        (free("{max: 39, default: 32}", "type: flatten"), "max_channels: 5000", []),
        (free("{default: 32}", "type: adaptive_avg_pool, output_size: 2"), "max_kernel_size: 8", []),
        (free("{default: 32}"), "free_sizes: false\nmax_size: 128", [("`height` is free", "write `height: 32`")]),
        (free("{default: 32}"), "budget: {activation_memory: 64 KiB}", []),
    ],
)  # fmt: skip
def test_limits_hold_for_every_size_that_the_spec_allows(
    spec: str, text: str, expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    found, _ = profile(tmp_path, text)
    assert found is not None
    (tmp_path / "net.yaml").write_text(spec)
    loaded = archc.load(tmp_path / "net.yaml")
    assert loaded.check(warnings=False) == []
    assert [(one.label, one.help) for one in loaded.unfit_for(found)] == expected


def test_compile_checks_the_size_and_the_precision_that_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    named(tmp_path, "{name: npu, max_size: 64}", head=free("{min: 8, default: 32}"))
    assert main(["compile", "net.yaml", "--onnx"]) == 1
    assert main(["compile", "net.yaml", "--onnx", "--size", "65", "32"]) == 1
    assert main(["compile", "net.yaml", "--onnx", "--size", "64", "32"]) == 0
    named(
        tmp_path,
        "{name: npu, max_kernel_size: 16}",
        head=free("{default: 32}", "type: adaptive_avg_pool, output_size: 2"),
    )
    assert main(["compile", "net.yaml", "--onnx"]) == 0
    assert main(["compile", "net.yaml", "--onnx", "--size", "64", "32"]) == 1
    named(tmp_path, "{name: npu, ops: [Conv, Celu], budget: {file_size: 2 kB}}", head=CELU)
    capsys.readouterr()
    assert main(["compile", "net.yaml", "--onnx", "half.onnx", "--fp16"]) == 1
    assert "`npu` does not run Cast" in capsys.readouterr().err
    assert not (tmp_path / "half.onnx").exists()
    assert main(["compile", "net.yaml", "--onnx"]) == 1  # its weights have 2,336 bytes in float32
    assert "A0713" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["validate", "compile"])
def test_a_profile_that_is_not_there_is_asked_for(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(FITS)
    assert main([command, "net.yaml", *(["--onnx"] if command == "compile" else []), "--profile", "none.yaml"]) == 1
    captured = capsys.readouterr()
    assert "give the path of the profile of a device, a YAML file" in captured.out + captured.err


@pytest.mark.parametrize("measure", ["activation_memory: 1 B", "file_size: 1 B"])
def test_a_network_that_only_passes_its_input_on_is_checked_too(measure: str, tmp_path: Path) -> None:
    spec = f"archc: 1\nname: net\ninput: {INPUT}\nstages:\n  - {{type: dropout}}\n"
    assert unfit(tmp_path, f"budget: {{{measure}}}\nops: [Relu]\nmax_rank: 4", spec) == [
        ("A0711", "", INPUT),
        ("A0713", "", INPUT),
    ]
