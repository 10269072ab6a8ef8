"""`names:`: new names for the children of a typed block."""

from __future__ import annotations

from archc.lower.env import Env, Evaluator
from archc.source import Entry, Mapping, Scalar
from archc.spec.model import Definition, Stage
from archc.spec.params import suggestion


def renames_of(stage: Stage, type_: str, defaults: Mapping | None) -> dict[str, Entry]:
    """`names:` of the stage over those of `defaults`."""
    default = defaults.get(type_) if defaults else None
    names = default.get("names") if isinstance(default, Mapping) else None
    entries = names.entries if isinstance(names, Mapping) else {}
    common = {key: entry for key, entry in entries.items() if isinstance(entry.value, Scalar)}
    return {**common, **stage.names}


def check_renames(
    definition: Definition, names: dict[str, Entry], env: Env, evaluator: Evaluator, path: str = ""
) -> None:
    """Every renamed child must be one of the definition's."""
    known = [str(child.name.value) for child in definition.stages if child.name is not None]
    for key, entry in names.items():
        if key not in known:
            evaluator.fault(
                "A0101",
                f"`{definition.name}` has no child `{key}`",
                entry.key.span,
                env,
                label="unknown child",
                help=suggestion(key, known, "its children are", names),
                path=path,
            )


def no_children(stage: Stage, owner: str, env: Env, evaluator: Evaluator) -> None:
    """Report `names:` where there are no children to rename."""
    if stage.names_span is not None:
        message = f"{owner} has no children to rename"
        evaluator.fault("A0101", message, stage.names_span, env, help="remove `names`")
