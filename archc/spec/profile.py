"""The profile of a device, as a spec names it: the fields that one has, and the file of one in its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from archc.diagnostics import Diagnostic, Report
from archc.source import Entry, Mapping, Scalar, Tree, parse, read_file
from archc.spec.reader import what

BYTES: Final = {"float32": 4, "float16": 2, "int8": 1}
"""The precisions that a device computes in, and the bytes of a number."""

LIMITS: Final = {
    "max_rank": "the most axes of a value, the batch counted",
    "max_channels": "the most channels of a value",
    "max_size": "the largest size of a value along a spatial axis",
    "max_kernel_size": "the most rows of a kernel or window along an axis",
    "max_stride": "the largest stride",
    "max_dilation": "the largest dilation",
    "max_groups": "the most groups of a convolution",
    "channels_multiple_of": "what divides the output channels of convolutions and linear layers",
}
"""The whole numbers that a profile may state."""

FIELDS: Final = {
    "archc_profile": "the version of this format: 1",
    "name": "the device, as diagnostics call it",
    "doc": "a sentence for the reader",
    "opset": "the ONNX operator set that its tools read",
    "fold": "whether batch norms are folded before the network gets there",
    "precision": "what weights and values are there: float32, float16 or int8",
    "ops": "the ONNX operators that it runs",
    "free_sizes": "whether its inputs may have free sizes: true unless it says false",
    **LIMITS,
    "budget": "bounds on parameters, macs, file_size and activation_memory",
}

Find = Callable[[str], tuple[Path | None, str]]
"""From what a spec names to the file, or why there is none."""


def with_profile(tree: Mapping, folder: Path, find: Find, report: Report) -> Mapping:
    """A spec with the profile that it names by its file put in; without it, and a diagnostic, where that cannot be read."""
    entry = tree.entries.get("profile")
    if entry is None or isinstance(entry.value, Mapping) or _drops(tree, entry.value):
        return tree
    found = _from_file(entry.value, folder, find, report)
    others = {key: one for key, one in tree.entries.items() if key != "profile"}
    return Mapping(tree.entries | {"profile": Entry(entry.key, found)} if found is not None else others, tree.span)


def _drops(tree: Mapping, value: Tree) -> bool:
    """Whether a variant leaves its parent's profile out."""
    return "extends" in tree.entries and isinstance(value, Scalar) and value.value is None


def _from_file(target: Tree, folder: Path, find: Find, report: Report) -> Mapping | None:
    if isinstance(target, Scalar) and target.faulty:
        return None
    if not isinstance(target, Scalar) or not isinstance(target.value, str):
        help = "write the name of its file, or what the device takes: `{name: npu, opset: 13}`"
        message = "`profile` needs a file's name or a mapping"
        report.add(Diagnostic("A0103", message, target.span, f"this is {what(target)}", help=help))
        return None
    name = target.value
    path, problem = find(name) if name.endswith((".yaml", ".yml")) else (None, f"`{name[:80]}` is not a YAML file")
    if path is None:
        report.add(Diagnostic("A0714", problem, target.span, help="name a file in the spec's folder or below it"))
        return None
    file, found = read_file(path, str(folder / name))
    report.extend(found)
    made, found = parse(file) if not found else (None, [])
    report.extend(found)
    if made is None or not isinstance(made, Mapping):
        if not len(report):
            said = f"this is {what(made)}" if made is not None else "it is empty"
            message = f"`{name[:80]}` holds no profile"
            report.add(Diagnostic("A0714", message, target.span, said, help="begin it with `archc_profile: 1`"))
        return None
    return made
