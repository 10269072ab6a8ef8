"""The layers of the package: a module imports only downwards, and dangerous calls occur nowhere."""

import ast
from pathlib import Path

import pytest

import archc

PACKAGE = Path(archc.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ALLOWED = {
    "limits": set(),
    "version": set(),
    "diagnostics": {"limits"},
    "misprints": {"diagnostics"},
    "source": {"limits", "diagnostics", "misprints"},
    "ir": {"diagnostics"},
    "analysis": {"ir", "diagnostics"},
    "backends": {"version", "ir", "diagnostics"},
    "spec": {"limits", "source", "ir", "diagnostics"},
    "blocks": {"spec", "source", "ir", "diagnostics"},
    "lower": {"limits", "blocks", "spec", "source", "analysis", "ir", "diagnostics"},
    "lint": {"lower", "spec", "source", "ir", "diagnostics"},
    "schema": {"lower", "blocks", "spec", "source", "ir", "diagnostics"},
    "profile": {"lint", "lower", "analysis", "spec", "source", "backends", "ir", "diagnostics"},
    "verify": {"backends", "ir"},
    "api": {"profile", "lint", "lower", "backends", "spec", "source", "ir", "diagnostics"},
    "jobs": set(),
    "fix": {"api", "diagnostics"},
    "batch": {"limits", "api", "fix", "jobs", "ir", "diagnostics"},
    "__init__": {"version", "api", "diagnostics"},
    "train": {"", "limits", "version", "spec", "api", "backends", "ir", "diagnostics"},
    "cli": {
        "",
        "version",
        "api",
        "batch",
        "profile",
        "train",
        "schema",
        "verify",
        "analysis",
        "backends",
        "blocks",
        "spec",
        "ir",
        "diagnostics",
    },
    "__main__": {"cli"},
}
"""Layer -> the layers it may import besides itself ("" is the package's own façade)."""

HEAVY = {
    "torch": {"backends/torch.py", "backends/export.py", "backends/weights.py", "verify.py", "train"},
    "onnx": {"backends/onnx"},
    "onnxruntime": {"backends/onnx/quantise.py", "verify.py", "train/trained.py"},
    "numpy": {"backends", "verify.py", "train"},
    "safetensors": {"backends/weights.py", "train/checkpoint.py"},
    "lightning": {"train/task.py", "train/keeper.py", "train/runner.py"},
    "torchvision": {"train/data/fetch.py"},
    "sklearn": {"train/data/load.py"},
    "PIL": {"train/data/folder.py"},
    "matplotlib": {"train/curves.py", "train/confusion.py"},
    "torchmetrics": {"train/evaluate.py"},
    "yaml": {"source.py"},
}
"""Package -> the only places that import it when they are imported."""


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The modules that a file imports when it is imported, or inside a function; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(str(node.module))
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "archc"}
    return found


def layers_imported(path: Path) -> set[str]:
    names = {
        name.removeprefix("archc").removeprefix(".").partition(".")[0]
        for name in imports(path)
        if name.partition(".")[0] == "archc"
    }
    return {name for name in names if name in ALLOWED or name == ""} - {layer(path)}


def upward(path: Path) -> set[str]:
    return (
        layers_imported(path)
        - ALLOWED[layer(path)]
        - ({""} if layer(path) != "cli" and "archc" in imports(path) and layer(path) == "api" else set())
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    assert not upward(path)


def test_the_layer_test_can_fail(tmp_path: Path) -> None:
    bad = PACKAGE / "ir" / "bad.py"
    source = "from archc.spec import params\nfrom archc.diagnostics import Span\n"
    copy = tmp_path / "bad.py"
    copy.write_text(source, encoding="utf-8")
    found = {name.partition(".")[2].partition(".")[0] for name in imports(copy) if name.startswith("archc.")}
    assert found - ALLOWED[layer(bad)] - {layer(bad)} == {"spec"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_packages_stay_in_their_places(path: Path) -> None:
    where = str(path.relative_to(PACKAGE))
    for package in {name.partition(".")[0] for name in imports(path)} & set(HEAVY):
        assert any(where == place or where.startswith(place + "/") for place in HEAVY[package]), (
            f"{where} imports {package}"
        )


DANGEROUS = {"eval", "__import__", "globals", "locals", "getattr_static"}
METHODS = {
    ("yaml", "load"),
    ("yaml", "unsafe_load"),
    ("yaml", "full_load"),
    ("os", "system"),
    ("os", "popen"),
    ("pickle", "load"),
    ("pickle", "loads"),
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_runs_text_or_unpickles(path: Path) -> None:
    where = str(path.relative_to(PACKAGE))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            assert node.func.id not in DANGEROUS
            assert node.func.id != "exec" or where == "backends/torch.py", (
                "only the checked source of our own is executed"
            )
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            call = (node.func.value.id, node.func.attr)
            assert call not in METHODS
            if call == ("torch", "load"):
                assert any(
                    word.arg == "weights_only" and isinstance(word.value, ast.Constant) and word.value.value is True
                    for word in node.keywords
                )


def test_every_op_is_emitted_by_both_targets() -> None:
    pytest.importorskip("onnx")
    from archc.backends.onnx.site import EMITTERS
    from archc.ir import ops

    kinds = {
        kind
        for kind in vars(ops).values()
        if isinstance(kind, type) and issubclass(kind, ops.Op) and kind is not ops.Op
    }
    vanish = {ops.Dropout, ops.StochasticDepth}
    assert kinds - vanish == set(EMITTERS)
    written = (PACKAGE / "backends" / "python" / "written.py").read_text(encoding="utf-8")
    assert [kind.__name__ for kind in kinds if f"ops.{kind.__name__}(" not in written] == []


def test_the_public_names_are_pinned() -> None:
    assert archc.__all__ == ["Diagnostic", "Label", "SourceFile", "Span", "Spec", "SpecError", "__version__", "load"]


def test_modules_stay_small_enough_to_read() -> None:
    lines = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > 560} == {}
