"""What starts quickly stays so: no torch for checking and ONNX, no numpy for checking."""

import subprocess
import sys

import pytest

LIGHT = "import sys, archc\n{work}\nprint(*sorted({{'torch', 'numpy', 'onnx', 'pydantic', 'jsonschema'}} & set(sys.modules)))"
CHECK = "assert archc.load('resnet18').check() == []"


def modules_after(work: str) -> set[str]:
    """The heavy packages that a fresh interpreter has imported after `work`."""
    code = LIGHT.format(work=work)
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def command(*args: str) -> str:
    """A command of the program, its output thrown away."""
    return f"import io, contextlib; from archc.cli import main\nwith contextlib.redirect_stdout(io.StringIO()): main({list(args)!r})\n"


@pytest.mark.parametrize(
    "work",
    [
        CHECK,
        command("validate", "resnet18"),
        command("show", "resnet18"),
        command("explain", "A0304"),
        command("blocks", "residual"),
        command("schema", "resnet18"),
        "archc.load('resnet18').to_python()",
    ],
    ids=["check", "validate", "show", "explain", "blocks", "schema", "python"],
)
def test_no_heavy_package_is_imported(work: str) -> None:
    assert modules_after(work) == set()


def test_onnx_is_made_without_torch() -> None:
    assert modules_after("archc.load('fashion_mnist/lenet_bn').to_onnx()") == {"numpy", "onnx"}


def test_the_start_up_test_can_fail() -> None:
    pytest.importorskip("torch")
    assert "torch" in modules_after(CHECK + "; archc.load('fashion_mnist/lenet_bn').to_torch()")
