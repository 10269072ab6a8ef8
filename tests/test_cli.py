"""The commands as people run them: what they print, write and return."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import archc
from archc.cli import main
from archc.cli.main import COMMANDS, parser

LENET = "fashion_mnist/lenet_bn"
BAD = "archc: 1\nname: bad\ninput: {features: 8}\nstages:\n  - {name: fc, type: linear, out_feature: 3}\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def test_validate_says_how_many_files_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "resnet18", LENET]) == 0
    assert capsys.readouterr().out == "2 files checked, no errors\n"


def test_validate_reports_all_findings_of_all_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sub").mkdir()
    Path("sub/a.yaml").write_text(BAD)
    Path("sub/b.yml").write_text(BAD.replace("features: 8", "features: 0"))
    assert main(["validate", "sub", "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(item["code"], item["file"], item["line"], item["column"]) for item in found] == [
        ("A0101", "sub/a.yaml", 5, 30),
        ("A0104", "sub/b.yml", 3, 19),
        ("A0101", "sub/b.yml", 5, 30),
    ]
    assert main(["validate", "sub/*.yaml"]) == 1
    assert capsys.readouterr().out.endswith("in 1 of 1 file\n1 of 1 can be fixed with `--fix`\n")


def test_validate_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run([sys.executable, "-m", "archc", "validate", "-"], input=BAD, capture_output=True, text=True)
    assert run.returncode == 1
    assert "<stdin>:5:" in run.stdout
    assert run.stderr == ""


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command.replace("archc", f"'{sys.executable}' -m archc", 1)], capture_output=True, text=True
    )


def test_a_folder_that_is_called_like_a_spec_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    Path("specs/v1.yaml").mkdir(parents=True)
    Path("specs/v1.yaml/net.yaml").write_text(BAD.replace("out_feature:", "out_features:"))
    assert main(["validate", "specs"]) == 0
    assert capsys.readouterr().out.startswith("1 file checked, no errors\n")


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_closed_streams_change_no_verdict() -> None:
    Path("bad.yaml").write_text(BAD)
    Path("good.yaml").write_text(BAD.replace("out_feature:", "out_features:"))
    commands = ["validate bad.yaml >&-", "validate good.yaml >&- 2>&- <&-", "validate - <&-", "show no.yaml 2>&-"]
    runs = [shell(f"archc {command}") for command in commands]
    assert [run.returncode for run in runs] == [1, 0, 1, 1]
    assert [run.stderr for run in runs] == [""] * 4
    assert "the file is empty" in runs[2].stdout


def test_a_path_that_no_command_expected_is_told_as_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        with open("a" * 300, encoding="utf-8"):
            return 0

    monkeypatch.setattr("archc.cli.zoo.run", run)
    assert main(["zoo"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error[A0001]: `{'a' * 300}` cannot be used: file name too long\n --> ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", ["validate bad.yaml", "show resnet152", "validate --format json bad.yaml"])
def test_output_that_is_lost_is_told(command: str) -> None:
    Path("bad.yaml").write_text(BAD)
    run = shell(f"archc {command} >/dev/full")
    assert (run.returncode, run.stderr) == (2, "archc: standard input or output failed: no space left on device\n")


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["nonsense"],
        ["validate"],
        ["compile", "resnet18"],
        ["show", "resnet18", "--depth", "-1"],
        ["show", "resnet18", "--depth", "x"],
    ],
)
def test_bad_usage_exits_with_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(args)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_show_prints_shapes_parameters_and_macs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "resnet18"]) == 0
    text = capsys.readouterr().out
    assert "layer4   residual × 2     512 × 7 × 7      8,393,728    411,041,792" in text
    assert "11,689,512" in text
    assert "1,814,073,344" in text


def test_show_as_json_has_stable_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", LENET, "--format", "json", "--depth", "0"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["input"], data["parameters"], data["macs"]) == ("lenet_bn", [1, 28, 28], 44878, 281640)
    assert set(data["rows"][0]) == {"path", "type", "output_shape", "parameters", "macs"}


def test_show_takes_settings_and_depth(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "resnet18", "--set", "num_classes=10", "--depth", "3"]) == 0
    text = capsys.readouterr().out
    assert "layer2.0.downsample" in text
    assert "5,130" in text


def test_show_reports_a_wrong_spec(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.yaml").write_text(BAD)
    assert main(["show", "bad.yaml"]) == 1
    assert "did you mean `out_features`?" in capsys.readouterr().err


def test_a_misspelt_name_of_a_shipped_spec_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "resnet81"]) == 1
    assert "did you mean `resnet18`?" in capsys.readouterr().err


def test_blocks_lists_types_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks"]) == 0
    text = capsys.readouterr().out
    assert "conv_transpose" in text
    assert "squeeze_excite" in text
    assert main(["blocks", "max_pool"]) == 0
    assert "= $kernel_size" in capsys.readouterr().out
    assert main(["blocks", "max_pol"]) == 2
    assert "did you mean `max_pool`?" in capsys.readouterr().err


def test_explain_knows_codes_and_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "a0304"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# A0304: channels-disagree\n")
    assert main(["explain", "channels-disagree"]) == 0
    assert capsys.readouterr().out == page
    assert main(["explain", "A9999"]) == 2


def test_onnx_without_a_name_goes_to_the_current_folder(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    assert main(["compile", LENET, "--onnx"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("wrote lenet_bn.onnx (")
    assert "random (seed 0)" in out
    assert "next: " in out
    assert os.listdir() == ["lenet_bn.onnx"]


def test_the_onnx_file_passes_the_full_checker_and_runs_with_any_batch() -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    import numpy as np

    assert main(["compile", LENET, "--onnx", "net.onnx"]) == 0
    model = onnx.load("net.onnx")
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    assert model.ir_version <= 13
    assert {entry.key for entry in model.metadata_props} >= {"archc.spec", "archc.spec.sha256"}
    session = runtime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    for batch in (1, 5):
        assert session.run(None, {"input": np.zeros((batch, 1, 28, 28), np.float32)})[0].shape == (batch, 10)


def test_a_folder_or_a_file_name_can_be_given() -> None:
    assert main(["compile", LENET, "--python", "-o", "out"]) == 0
    assert main(["compile", LENET, "--python", "-o", "net.py"]) == 0
    assert Path("out/lenet_bn.py").read_bytes() == Path("net.py").read_bytes()


def test_nothing_is_written_when_a_target_fails(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    assert main(["compile", LENET, "--python", "--onnx", "--opset", "3"]) == 2
    assert "opset 3 is not supported" in capsys.readouterr().err
    assert os.listdir() == []


def test_a_folder_that_is_not_there_is_a_diagnostic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", LENET, "--python", "no/where/net.py"]) == 1
    assert "error[A0704]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--onnx", "resnet18"], 2, "`--onnx` took `resnet18` as its file"),
        (["spec.yaml", "--python", "spec.yaml"], 1, "is read by this very command"),
        (["spec.yaml", "--python", "same", "--onnx", "same"], 1, "is the file of --onnx too"),
        (["spec.yaml", "--onnx", "--python", "nowhere/x.py"], 1, "its folder does not exist"),
        (["spec.yaml", "--python", "folder"], 1, "is a folder"),
        (["spec.yaml", "--onnx", "x" * 300], 1, "file name too long"),
        (["spec.yaml", "--torch", "x.pth"], 2, "--torch cannot write `x.pth`"),
        (["spec.yaml", "--verify", "--opset", "7"], 2, "opset 7 is not supported"),
        (["spec.yaml", "--onnx", "--seed", "-1"], 2, "--seed -1 is out of range"),
        (["folder", "--onnx"], 1, "`folder` is a folder"),
    ],
)
def test_misuse_is_said_and_nothing_is_written(
    args: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    Path("folder").mkdir()
    Path("spec.yaml").write_text(
        "archc: 1\nname: net\ninput: {features: 8}\nstages:\n  - {type: linear, out_features: 3}\n"
    )
    before = Path("spec.yaml").read_bytes()
    assert main(["compile", *args]) == code
    assert says in capsys.readouterr().err
    assert sorted(os.listdir()) == ["folder", "spec.yaml"]
    assert Path("spec.yaml").read_bytes() == before


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout here")
def test_a_file_goes_through_a_pipe_without_a_word_beside_it() -> None:
    onnx = pytest.importorskip("onnx")
    Path("spec.yaml").write_text(
        "archc: 1\nname: net\ninput: {features: 8}\nstages:\n  - {type: linear, out_features: 3}\n"
    )
    args = [sys.executable, "-m", "archc", "compile", "spec.yaml", "--onnx"]
    done = subprocess.run([*args, "/dev/stdout"], capture_output=True, check=True)
    assert done.stderr.startswith(b"wrote /dev/stdout")
    subprocess.run([*args, "net.onnx"], capture_output=True, check=True)
    assert done.stdout == Path("net.onnx").read_bytes()
    onnx.checker.check_model(onnx.load_from_string(done.stdout), full_check=True)


@pytest.mark.parametrize(
    ("key", "value", "is_told"),
    [
        ("fc.weight", float("nan"), True),
        ("fc.bias", float("-inf"), True),
        ("bn.running_var", -1e-7, True),
        ("bn.running_mean", -1e-7, False),
        ("fc.weight", 3e38, False),
    ],
)
def test_weights_that_are_no_numbers_are_told(
    key: str, value: float, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    Path("net.yaml").write_text(
        "archc: 1\nname: net\ninput: {features: 8}\nstages:\n  - {name: bn, type: batch_norm}\n"
        "  - {name: fc, type: linear, out_features: 3}\n"
    )
    state = archc.load("net.yaml").to_torch().state_dict()
    state[key].fill_(value)
    torch.save(state, "w.pth")
    assert main(["compile", "net.yaml", "--onnx", "--fold", "--weights", "w.pth"]) == 0
    printed = capsys.readouterr().err
    assert (printed == f"the weights hold infinities, NaN or variances below zero: `{key}`\n") == is_told
    assert is_told or printed == ""


def test_weights_go_in_and_out() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    assert main(["compile", LENET, "--torch", "w.safetensors", "--seed", "3"]) == 0
    assert main(["compile", LENET, "--onnx", "a.onnx", "--weights", "w.safetensors"]) == 0
    assert main(["compile", LENET, "--onnx", "b.onnx", "--seed", "3"]) == 0
    assert Path("a.onnx").read_bytes() == Path("b.onnx").read_bytes()
    from safetensors.torch import load_file

    torch.save(load_file("w.safetensors"), "w.pth")
    assert main(["compile", LENET, "--onnx", "c.onnx", "--weights", "w.pth"]) == 0
    assert Path("c.onnx").read_bytes() == Path("b.onnx").read_bytes()


def test_weights_of_another_network_are_refused_with_names(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    assert main(["compile", LENET, "--torch", "w.safetensors"]) == 0
    other = "archc: 1\nextends: fashion_mnist/lenet_bn\nname: seven\nparams: {num_classes: 7}\ntrain: null\n"
    Path("seven.yaml").write_text(other, encoding="utf-8")
    assert main(["compile", "seven.yaml", "--onnx", "--weights", "w.safetensors"]) == 1
    err = capsys.readouterr().err
    assert "error[A0702]" in err
    assert "fc3.weight" in err
    assert "`--weights-except fc3`" in err
    assert not Path("seven.onnx").exists()
    args = ["compile", "seven.yaml", "--onnx", "--weights", "w.safetensors", "--weights-except"]
    assert main([*args, "fc3"]) == 0
    out = capsys.readouterr().out
    assert "drawn at random (seed 0): fc3.weight, fc3.bias; " in out
    assert "weights are random" not in out
    import onnx

    written = {one.name: onnx.numpy_helper.to_array(one) for one in onnx.load("seven.onnx").graph.initializer}
    given, drawn = archc.load(LENET).state(), archc.load("seven.yaml").state()
    assert np.array_equal(written["fc2.weight"], given["fc2.weight"])
    assert np.array_equal(written["fc3.weight"], drawn["fc3.weight"])
    assert main([*args, "fc4"]) == 1
    assert "error[A0507]" in capsys.readouterr().err


def test_parts_are_left_out_of_a_file_only() -> None:
    assert main(["compile", LENET, "--onnx", "--weights-except", "fc3"]) == 2


@pytest.mark.filterwarnings("ignore")  # deprecations inside torch's exporter
def test_an_exported_program_has_a_free_batch() -> None:
    torch = pytest.importorskip("torch")
    assert main(["compile", LENET, "--torch"]) == 0
    program = torch.export.load("lenet_bn.pt2").module()
    assert program(torch.zeros(5, 1, 28, 28)).shape == (5, 10)


def test_verify_prints_the_largest_difference(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    assert main(["compile", LENET, "--verify"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("verified 17 values of lenet_bn: onnx and torch differ by ")
    assert out.rstrip().endswith("python and torch differ by 0")
    assert os.listdir() == []


TARGETS = ["--onnx", "--python", "--torch", "w.safetensors"]


@pytest.mark.parametrize("name", [LENET, "fashion_mnist/googlenet"])
def test_two_runs_give_the_same_bytes_whatever_the_hash_seed(name: str) -> None:
    pytest.importorskip("onnx")
    files: list[dict[str, bytes]] = []
    for seed in ("0", "12345"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-m", "archc", "compile", name, *TARGETS], check=True, capture_output=True, env=env
        )
        files.append({file: Path(file).read_bytes() for file in sorted(os.listdir())})
    assert files[0] == files[1]
    assert len(files[0]) == 3


def test_two_exported_programs_have_the_same_bytes() -> None:
    pytest.importorskip("torch")
    files = []
    for seed in ("0", "12345"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "archc", "compile", LENET, "--torch"],
            check=True,
            capture_output=True,
            env=env,
        )
        files.append(Path("lenet_bn.pt2").read_bytes())
    assert files[0] == files[1]


def test_a_program_that_reads_only_the_first_line_gets_no_traceback() -> None:
    script = f"{sys.executable} -m archc show resnet152 --depth 0 | head -n 1"
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert run.stdout.startswith("resnet152")
    assert "Traceback" not in run.stderr


def test_every_command_documents_every_argument() -> None:
    for name in COMMANDS:
        top = parser(name)
        sub = top._subparsers._group_actions[0].choices[name]  # type: ignore[union-attr,index]
        assert all(action.help for action in sub._actions)


def test_a_terminal_that_is_not_utf8_gets_every_message() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    run = subprocess.run([sys.executable, "-m", "archc", "show", "resnet18"], capture_output=True, env=env)
    assert run.returncode == 0
    assert b"512 \\xd7 7 \\xd7 7" in run.stdout


def test_the_help_states_the_opsets_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("archc.backends.onnx")
    with pytest.raises(SystemExit):
        main(["compile", "--help"])
    low, high = onnx.SUPPORTED_OPSETS[0], onnx.SUPPORTED_OPSETS[-1]
    assert f"{low} to {high} (default: {onnx.DEFAULT_OPSET})" in " ".join(capsys.readouterr().out.split())


CLEAN = BAD.replace("out_feature:", "out_features:")
USAGE = {
    "no path": (["validate"], 2),
    "an option that does not exist": (["validate", "clean.yaml", "--nonsense"], 2),
    "a format that does not exist": (["validate", "clean.yaml", "--format", "xml"], 2),
    "an option without its value": (["validate", "clean.yaml", "--format"], 2),
    "a command that does not exist": (["valid", "clean.yaml"], 2),
    "a clean file": (["validate", "clean.yaml"], 0),
    "a clean folder": (["validate", "clean"], 0),
    "a clean glob": (["validate", "cle*.yaml"], 0),
    "a spec that ships": (["validate", "resnet18"], 0),
    "a wrong file": (["validate", "bad.yaml"], 1),
    "a clean and a wrong file": (["validate", "clean.yaml", "bad.yaml"], 1),
    "a file that is not there": (["validate", "missing.yaml"], 1),
    "a glob that matches nothing": (["validate", "missing/*.yaml"], 1),
    "a folder without specs": (["validate", "empty"], 1),
    "a param that is not there": (["validate", "clean.yaml", "--set", "x=1"], 1),
    "a setting without a value": (["validate", "clean.yaml", "--set", "x"], 1),
    "what can be fixed": (["validate", "bad.yaml", "--fix"], 0),
    "what could be fixed": (["validate", "bad.yaml", "--diff"], 1),
    "nothing to fix": (["validate", "clean.yaml", "--fix", "--strict"], 0),
}


@pytest.mark.parametrize("format", ["text", "concise", "json", "github", "gitlab", "sarif", "junit"])
@pytest.mark.parametrize("case", USAGE)
def test_the_exit_code_says_clean_found_or_misused(case: str, format: str, capfd: pytest.CaptureFixture[str]) -> None:
    args, expected = USAGE[case]
    Path("clean.yaml").write_text(CLEAN)
    Path("bad.yaml").write_text(BAD)
    Path("clean").mkdir()
    Path("clean/net.yml").write_text(CLEAN)
    Path("empty").mkdir()
    try:
        code = main([*args, *(["--format", format] if args[0] == "validate" and "--format" not in args else [])])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    assert code == expected
    assert "Traceback" not in capfd.readouterr().err


def test_standard_input_without_an_end_is_not_read_for_ever() -> None:
    with open("/dev/zero", "rb") as endless:
        run = subprocess.run(
            [sys.executable, "-m", "archc", "validate", "-"], stdin=endless, capture_output=True, timeout=60
        )
    assert run.returncode == 1
    assert b"A0003" in run.stdout
