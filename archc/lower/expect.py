"""`expect:`: claims about shapes, compared with what is inferred at the default size."""

from __future__ import annotations

from archc.lower.env import Env, Evaluator
from archc.lower.stages import Claim, Lists
from archc.source import Sequence
from archc.spec.model import Spec
from archc.spec.params import suggestion
from archc.spec.values import Unknown


def check_expectations(spec: Spec, lists: Lists, env: Env) -> None:
    """Report the claims that do not hold, but for those that only follow from an earlier one."""
    suspect: set[int] = set()
    """Values whose claims may only follow from one that does not hold; a claim that holds clears what comes after it."""
    downstream = _users(lists)
    for claim in sorted([*lists.claims, *_by_path(spec, lists, env)], key=lambda claim: claim.value):
        type_ = lists.types[claim.value]
        wanted = _wanted(claim, lists.evaluator)
        if type_ is None or wanted is None:
            continue
        if _agree(wanted, type_.dims):
            suspect -= _reach(claim.value, downstream) if type_.is_known else set()
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
                help="change the claim, or the stages before it",
            )
        suspect |= _reach(claim.value, downstream)


def _by_path(spec: Spec, lists: Lists, env: Env) -> list[Claim]:
    """The claims of the spec's own `expect`, whose paths must exist unless a mistake hides them."""
    made = {node.path: node.output for node in lists.nodes} | {scope.path: scope.output for scope in lists.scopes}
    found = []
    for path, entry in spec.expect.entries.items() if spec.expect else ():
        if made.get(path, -1) >= 0:
            found.append(Claim(path, entry.value, made[path], env))
        elif spec.is_partial or spec.has_lost_names:
            _wanted(Claim(path, entry.value, -1, env), lists.evaluator)
        elif path not in made and not _is_broken(path, lists):
            known = [known for known in made if known.count(".") == path.count(".")]
            lists.evaluator.fault(
                "A0507",
                f"there is no stage at `{path[:200]}`",
                entry.key.span,
                env,
                label="unknown path",
                help=suggestion(path, known, "see `archc show`"),
            )
    return found


def _is_broken(path: str, lists: Lists) -> bool:
    """Whether the stage at `path`, or one around it, is not known after a mistake."""
    parts = path.split(".")
    return any(".".join(parts[:count]) in lists.broken for count in range(1, len(parts) + 1))


def _wanted(claim: Claim, evaluator: Evaluator) -> list[object] | None:
    """The sizes that a claim names, or None after a mistake in it."""
    if not isinstance(claim.tree, Sequence):
        help = "write the shape without the batch, say `[512, 7, 7]`"
        evaluator.fault("A0103", "`expect` needs a list", claim.tree.span, claim.env, help=help, path=claim.path)
        return None
    wanted: list[object] = [evaluator.value(item, claim.env, claim.path).value for item in claim.tree.items]
    return None if any(isinstance(size, Unknown) for size in wanted) else wanted


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


def _reach(value: int, users: dict[int, list[int]]) -> set[int]:
    """The values that `value` reaches."""
    reached: set[int] = set()
    stack = [value]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user not in reached:
                reached.add(user)
                stack.append(user)
    return reached
