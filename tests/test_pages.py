"""The pages of the codes: each failing example gives exactly the output that its page shows, each mended one is clean."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import archc
from archc.batch import Target, lost
from archc.cli import main
from archc.diagnostics import CODES
from archc.diagnostics.pages import FOLDER, Fence, fences, page
from archc.diagnostics.render import to_text

NET = "archc: 1\nname: net\ninput: {features: 8}\nparams: {classes: 4}\nstages:\n  - {name: body, type: linear, out_features: 16}\n  - {name: relu, type: relu}\n  - {name: fc, type: linear, out_features: $classes}\n"
UNPROVOKED = {"A0703", "A0706", "A0801"}
"""Codes that a spec and a command give only where archc, the machine or another package falls short."""


def write_weights(folder: Path) -> None:
    from archc.backends.weights import save_safetensors

    save_safetensors(archc.load(folder / "net.yaml").state(), folder / "fit.safetensors")
    save_safetensors(archc.load(folder / "net.yaml", classes=10).state(), folder / "other.safetensors")
    (folder / "damaged.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not a header...")


def idx(path: Path, values: Any) -> None:
    """An IDX file of bytes."""
    head = bytes((0, 0, 8, values.ndim)) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(head + values.tobytes())


def write_pictures(folder: Path) -> None:
    """A data set in the form of MNIST, and one with a file that is cut short."""
    import numpy as np

    rng = np.random.default_rng(0)
    for name in ("mnist", "damaged"):
        (folder / name).mkdir()
        for part, count in (("train", 200), ("t10k", 50)):
            pictures = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
            idx(folder / name / f"{part}-images-idx3-ubyte", pictures)
            idx(folder / name / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10)
    path = folder / "damaged" / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])


def write_run(folder: Path) -> None:
    """A run of the page's spec."""
    assert main(["train", str(folder / "net.yaml"), "-o", str(folder / "run")]) == 0


def lock_run(folder: Path) -> None:
    from archc.train.lock import NAME, Lock

    write_run(folder)
    Lock(folder / "run")
    (folder / "run" / NAME).write_bytes(b"")  # the number of the process would differ each time


def damage_run(folder: Path) -> None:
    write_run(folder)
    path = sorted((folder / "run" / "checkpoints").glob("0*.safetensors"))[-1]
    path.write_bytes(path.read_bytes()[:-1])


def write_models(folder: Path) -> None:
    """A picture, and ONNX files of the page's spec: one of a run, one of random weights."""
    pytest.importorskip("onnxruntime")
    from PIL import Image

    Image.new("L", (8, 8), 100).save(folder / "digit.png")
    write_run(folder)
    assert main(["compile", str(folder / "run"), "--onnx", str(folder / "trained.onnx")]) == 0
    assert main(["compile", str(folder / "net.yaml"), "--onnx", str(folder / "random.onnx")]) == 0


NEEDS_LIGHTNING = {"A0802", "A0803", "A0804", "A0805", "A0806", "A0807", "A0808", "A0809", "A0810"}

FILES: dict[str, Callable[[Path], object]] = {
    "A0002": lambda folder: (folder / "latin1.yaml").write_bytes("archc: 1\nname: r\u00e9seau\n".encode("latin-1")),
    "A0701": write_weights,
    "A0702": write_weights,
    "A0708": lambda folder: [
        np.save(folder / name, np.zeros((4, size), np.float32)) for name, size in (("pictures", 64), ("features", 8))
    ],
    "A0802": write_pictures,
    "A0803": write_pictures,
    "A0804": lock_run,
    "A0805": damage_run,
    "A0806": write_run,
    "A0809": write_models,
    "A0810": write_models,
}
"""What the commands of a page need besides `net.yaml`."""


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Runs a command line in an empty folder: its exit code, and all that it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def command(line: str) -> tuple[int, str]:
        program, *args = shlex.split(line)
        assert program == "archc"
        capsys.readouterr()
        code = main(args)
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def only(code: str, language: str, words: str) -> Fence | None:
    found = [fence for fence in fences(page(code)) if (fence.language, fence.words) == (language, words)]
    assert len(found) <= 1, f"{code} has {len(found)} fences ```{language} {words}```"
    return found[0] if found else None


def prepare(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if code in NEEDS_LIGHTNING:
        pytest.importorskip("lightning")
    (folder / "net.yaml").write_text(NET, encoding="utf-8")
    for fence in fences(page(code)):
        if fence.words.startswith("file="):
            (folder / fence.words.removeprefix("file=")).write_text(fence.text, encoding="utf-8")
    FILES.get(code, lambda _: None)(folder)
    if code == "A0705":
        monkeypatch.setitem(sys.modules, "torch", None)
        for module in ("archc.backends.export", "archc.backends.torch"):
            monkeypatch.delitem(sys.modules, module, raising=False)


def compare(code: str, printed: str, regenerate: bool) -> None:
    """The page shows what is printed, or is rewritten to."""
    if regenerate:
        text = page(code)
        before, _, rest = text.partition("```text\n")
        after = rest[rest.index("```") :]
        (FOLDER / f"{code}.md").write_text(f"{before}```text\n{printed}{after}", encoding="utf-8")
    shown = only(code, "text", "")
    assert shown is not None
    assert shown.text == printed


def example(code: str, words: str, folder: Path, run: Callable[[str], tuple[int, str]]) -> tuple[int, str]:
    """Run a page's failing or mended example."""
    spec = only(code, "yaml", words)
    if spec is not None:
        (folder / "net.yaml").write_text(spec.text, encoding="utf-8")
        return run("archc validate net.yaml")
    command = only(code, "sh", words)
    assert command is not None, f"{code} has no example"
    return run(command.text)


@pytest.mark.parametrize("code", sorted(set(CODES) - UNPROVOKED))
def test_the_failing_example_gives_exactly_the_output_shown(
    code: str,
    tmp_path: Path,
    run: Callable[[str], tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
    regenerate: bool,
) -> None:
    prepare(code, tmp_path, monkeypatch)
    status, printed = example(code, "fails", tmp_path, run)
    assert status == (1 if CODES[code].severity == "error" else 0)
    assert re.findall(r"^(?:error|warning)\[(\w+)\]", printed, re.MULTILINE) == [code]
    compare(code, printed, regenerate)


@pytest.mark.parametrize("code", sorted(set(CODES) - UNPROVOKED))
def test_the_mended_example_is_clean(
    code: str, tmp_path: Path, run: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(code, tmp_path, monkeypatch)
    status, printed = example(code, "", tmp_path, run)
    assert status == 0, printed
    assert "error[" not in printed
    assert "warning[" not in printed


def test_targets_that_disagree_are_shown_as_on_the_page(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], regenerate: bool
) -> None:
    from archc.cli.compile import _verified

    difference = SimpleNamespace(path="layer1.0.conv1", difference=3.2e-2, bound=2.1e-4, within=False)
    verdict = SimpleNamespace(onnx=[difference], python=[], worst=difference, unseen=(), agrees=False, keys_agree=True)
    monkeypatch.setitem(
        sys.modules, "archc.verify", SimpleNamespace(verify=lambda *_, **__: verdict, probe_state=lambda *_: {})
    )
    spec = SimpleNamespace(loaded=SimpleNamespace(file=SimpleNamespace(name="net.yaml")))
    options = argparse.Namespace(opset=20, weights=None, seed=0, fold=False, int8=False, fp16=False, batch=None)
    assert not _verified(spec, SimpleNamespace(name="net"), options, {})  # type: ignore[arg-type]
    compare("A0706", capsys.readouterr().err, regenerate)


def test_an_op_that_a_target_lacks_is_shown_as_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, regenerate: bool
) -> None:
    from archc.cli.targets import inexpressible

    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(NET, encoding="utf-8")
    compare("A0703", to_text([inexpressible(archc.load("net.yaml"), "fc", "ONNX has no such op")]), regenerate)


def test_a_process_that_ends_early_is_shown_as_on_the_page(regenerate: bool) -> None:
    compare("A0801", to_text([lost(Target("net.yaml"), -9)]), regenerate)


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_page_is_headed_by_code_and_name(code: str) -> None:
    assert page(code).splitlines()[0] == f"# {code}: {CODES[code].name}"


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CODES)


def test_every_code_is_used_and_every_code_used_is_known() -> None:
    sources = [path for path in Path(archc.__file__).parent.rglob("*.py") if path.name != "codes.py"]
    used = {code for path in sources for code in re.findall(r'"(A0\d{3})"', path.read_text(encoding="utf-8"))}
    assert used == set(CODES)


def test_names_of_codes_are_kebab_case_and_differ() -> None:
    names = [entry.name for entry in CODES.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


@pytest.mark.parametrize("word", ["A0304", "a0304", "channels-disagree"])
def test_explain_prints_the_page(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", word]) == 0
    assert capsys.readouterr().out == page("A0304")


def test_explain_lists_every_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [code, entry.severity, entry.name] for code, entry in CODES.items()
    ]


def test_explain_of_an_unknown_code_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "A9999"]) == 2
    assert "there is no code" in capsys.readouterr().err
