"""Going on after a mistake: fields as they were meant, shapes as they are claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archc.ir.types import TensorType
from archc.lower.arguments import Call
from archc.lower.env import Env
from archc.lower.frames import Ref
from archc.source import Sequence
from archc.spec.model import Definition, Stage

if TYPE_CHECKING:
    from archc.lower.stages import Lists


def respelt(stage: Stage, lists: Lists, env: Env) -> Stage:
    """The stage as it was meant, the misspelt fields reported, if its type is known and has none of that name."""
    name = stage.type.value if stage.type is not None else None
    found = lists.library.find(name, stage.span.file.shipped) if isinstance(name, str) else None
    if found is None or stage.respelt is None or (isinstance(found, Definition) and found.is_open):
        return stage
    fields = [param.name for param in found.params]
    if any(str(entry.key.value) in fields for entry in stage.misspelt):
        return stage
    for entry in stage.misspelt:
        Call(lists.evaluator, str(name), stage, None, None, lists.spec_env, env, "").unknown_field(entry, fields)
    return stage.respelt


def assume(stage: Stage, ref: Ref, lists: Lists, env: Env) -> None:
    """Take what a stage claims of its output for what is not known of it, unless the claim contradicts what is."""
    tree = lists.paths.get(ref.flow.maker) if stage.expect is None else stage.expect
    if not isinstance(tree, Sequence) or len(tree.items) not in (1, lists.rank + 1):
        return
    if any(one is not None and one.layout == "channels_last" for one in lists.types):
        return  # which axis has the channels is not told
    sizes = [lists.evaluator.value(item, env).value for item in tree.items]
    claimed = [size if isinstance(size, int) and not isinstance(size, bool) else None for size in sizes]
    known = ref.flow.type.dims if ref.flow.type is not None else (None,) * len(claimed)
    pairs = list(zip(known, claimed, strict=False))
    if len(known) != len(claimed) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        return
    dims = [old if old is not None else new for old, new in pairs]
    ref.flow = replace(ref.flow, type=TensorType(dims[0], tuple(dims[1:])))
    lists.types[ref.flow.id] = ref.flow.type
