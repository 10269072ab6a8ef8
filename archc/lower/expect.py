"""`expect:`: claims about shapes, compared with what is inferred at the default size."""

from __future__ import annotations

from typing import Final

from archc.diagnostics import Label
from archc.lower.env import Env, Evaluator
from archc.lower.frames import Claim
from archc.lower.stages import Lists
from archc.source import Sequence, Tree
from archc.spec.model import Spec
from archc.spec.params import Param, suggestion
from archc.spec.values import Unknown, Value

SIZE: Final = Param("expect", "int", min=1)


def check_expectations(spec: Spec, lists: Lists, env: Env) -> None:
    """Report the claims that do not hold, but for those that only follow from an earlier one."""
    suspect: set[int] = set()
    """Values whose claims may only follow from one that does not hold; a claim that holds clears what comes after it."""
    downstream = _users(lists)
    at_top = _by_path(spec, lists, env)
    for claim in sorted([*lists.claims, *at_top], key=lambda claim: claim.value):
        type_ = lists.types[claim.value]
        wanted = sizes_of(claim.tree, claim.path, claim.env, lists.evaluator)
        if type_ is None or wanted is None:
            continue
        if _agree(wanted, type_.dims):
            if suspect and type_.is_known:
                cleared: set[int] = set()
                _reach(claim.value, downstream, cleared)
                suspect -= cleared
            continue
        if claim.value not in suspect:
            shown = ", ".join("null" if size is None else str(size) for size in wanted)
            inferred = ", ".join("?" if size is None else str(size) for size in type_.dims)
            lists.evaluator.fault(
                "A0505",
                f"`{claim.path}` has another shape than expected",
                claim.tree.span,
                claim.env,
                label=f"declared [{shown}], inferred [{inferred}]",
                labels=_stage(claim, lists) if claim in at_top else (),
                help="leave the batch out of it"
                if len(wanted) > 1 and _agree(wanted[1:], type_.dims)
                else "change the claim, or the stages before it",
            )
        _reach(claim.value, downstream, suspect)


def _by_path(spec: Spec, lists: Lists, env: Env) -> list[Claim]:
    """The claims of the spec's own `expect`, whose paths must exist unless a mistake hides them."""
    made = {node.path: node.output for node in lists.nodes} | {scope.path: scope.output for scope in lists.scopes}
    found = []
    for path, entry in spec.expect.entries.items() if spec.expect else ():
        if made.get(path, -1) >= 0:
            found.append(Claim(path, entry.value, made[path], env))
        elif spec.is_partial or spec.has_lost_names:
            sizes_of(entry.value, path, env, lists.evaluator)
        elif path not in made and not _is_broken(path, lists):
            known = [known for known in made if known.count(".") == path.count(".")]
            lists.evaluator.fault(
                "A0507",
                f"there is no stage at `{path[:200]}`",
                entry.key.span,
                env,
                label="unknown path",
                help=suggestion(path, known, "see `archc show`", spec.expect.beside(entry.key) if spec.expect else ()),
            )
    return found


def _stage(claim: Claim, lists: Lists) -> tuple[Label, ...]:
    """The stage that a claim at the top is about, where the user wrote it."""
    nodes = [node.span for node in lists.nodes if node.path == claim.path]
    spans = nodes + [scope.span for scope in lists.scopes if scope.path == claim.path]
    return tuple(Label(span, f"gives {lists.types[claim.value]}") for span in spans if not span.file.shipped)


def _is_broken(path: str, lists: Lists) -> bool:
    """Whether the stage at `path`, or one around it, is not known after a mistake."""
    parts = path.split(".")
    return any(".".join(parts[:count]) in lists.broken for count in range(1, len(parts) + 1))


def sizes_of(tree: Tree, path: str, env: Env, evaluator: Evaluator) -> list[object] | None:
    """The sizes that a claim names, or None after a mistake in it."""
    if not isinstance(tree, Sequence):
        help = "write the shape without the batch, say `[512, 7, 7]`"
        evaluator.fault("A0103", "`expect` needs a list", tree.span, env, help=help, path=path)
        return None
    wanted: list[object] = [_size(item, path, env, evaluator) for item in tree.items]
    return None if any(isinstance(size, Unknown) for size in wanted) else wanted


def _size(tree: Tree, path: str, env: Env, evaluator: Evaluator) -> Value:
    """One size of a claim, None for any."""
    bound = evaluator.value(tree, env, path)
    return None if bound.value is None else evaluator.conformed(SIZE, bound, tree.span, env, path).value


def _agree(wanted: list[object], dims: tuple[int | None, ...]) -> bool:
    return len(wanted) == len(dims) and all(
        claimed is None or size is None or claimed == size for claimed, size in zip(wanted, dims, strict=True)
    )


def _users(lists: Lists) -> dict[int, list[int]]:
    """For each value, the values that are made of it."""
    users: dict[int, list[int]] = {}
    for node in lists.nodes:
        for value in node.inputs:
            users.setdefault(value, []).append(node.output)
    return users


def _reach(value: int, users: dict[int, list[int]], reached: set[int]) -> None:
    """Add the values that `value` reaches to those that are reached already, with all that they reach."""
    stack = [value]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in reached:
                reached.add(user)
                stack.append(user)
