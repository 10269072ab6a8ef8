"""`aliases:`: parts of the names that tensors had in older weights files."""

from __future__ import annotations

import re
from typing import Final

from archc.diagnostics import Span
from archc.ir.graph import Graph
from archc.ir.names import has_run
from archc.limits import MAX_KEY_ALIASES
from archc.lower.env import Env, Evaluator
from archc.source import Scalar, Tree
from archc.spec.model import Spec
from archc.spec.params import suggestion

PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,15}\Z")


def aliases_of(spec: Spec, env: Env, evaluator: Evaluator) -> tuple[tuple[str, str], ...]:
    """(older part, part of today) of each entry that can be read."""
    section = spec.aliases
    if section is None:
        return ()
    if len(section.entries) > MAX_KEY_ALIASES:
        message = f"more than {MAX_KEY_ALIASES} aliases"
        evaluator.fault("A0003", message, section.span, env, help="leave out the parts that are equal")
        return ()
    for key, entry in section.entries.items():
        _check_part(key, entry.key.span, env, evaluator)
        if not isinstance(entry.value, Scalar) or not isinstance(entry.value.value, str):
            help = "write the part of a name that the network has, say `norm1`"
            evaluator.fault("A0103", f"the alias `{key[:80]}` needs a string", entry.value.span, env, help=help)
        else:
            _check_part(entry.value.value, entry.value.span, env, evaluator)
    return tuple((key, text) for key, entry in section.entries.items() if isinstance(text := _text(entry.value), str))


def check_aliases(spec: Spec, graph: Graph, env: Env, evaluator: Evaluator) -> None:
    """What an alias of this very file leads to is in the name of a tensor."""
    entries = spec.aliases.entries if spec.aliases else {}
    own = {text: entry for entry in entries.values() if isinstance(text := _text(entry.value), str)}
    own = {text: entry for text, entry in own.items() if entry.value.span.file is spec.file}
    keys = [key for key, _, _ in graph.tensors()] if own else []
    for text, entry in own.items():
        if not any(has_run(key, text) for key in keys):
            parts = dict.fromkeys(part for key in keys for part in key.split("."))
            help = suggestion(text, parts, "see `archc show --depth 0`")
            message = f"no tensor has `{text[:80]}` in its name"
            evaluator.fault("A0507", message, entry.value.span, env, label="leads nowhere", help=help)


def _text(tree: Tree) -> object:
    return tree.value if isinstance(tree, Scalar) else None


def _check_part(text: str, span: Span, env: Env, evaluator: Evaluator) -> None:
    if not PART.match(text):
        help = "write names joined by `.`, as they stand in a state_dict"
        evaluator.fault("A0107", f"`{text[:80]}` is no part of a tensor's name", span, env, help=help)
