"""The parameters of a class: arguments that differ between its instances, equal ones sharing a parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from archc.backends.python.names import LOCALS_TAKEN, free_name, variable
from archc.backends.python.written import REQUIRED, Arg, Required, Value
from archc.ir.names import MODULE_ATTRIBUTES

CHANNEL_NAMES = {
    "in_channels": "channels",
    "out_channels": "channels",
    "num_features": "channels",
    "num_channels": "channels",
    "num_parameters": "channels",
    "in_features": "features",
    "out_features": "features",
}
ENDS = ("in_channels", "in_features", "channels", "features", "out_channels", "out_features")
"""The parameters that say what enters and leaves a class; they come first."""

Ends = Sequence[tuple[int | None, int | None]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument in the body of a class; `way` names the parts that lead to it."""

    way: tuple[str, ...]
    arg: Arg


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of `__init__`, with its value for each instance."""

    name: str
    values: tuple[Value, ...]
    default: Value | Required
    keyword: bool
    family: str

    @property
    def annotation(self) -> str:
        """The type, as written."""
        kinds = {_kind(value) for value in self.values}
        if "float" in kinds:
            kinds.discard("int")
        return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))

    def argument(self, index: int) -> Arg:
        """What instance `index` passes."""
        return Arg(self.name, self.values[index], self.default, self.keyword, self.family)


def _kind(value: Value) -> str:
    if isinstance(value, tuple):
        return f"tuple[{', '.join('int' for _ in value)}]"
    return "None" if value is None else type(value).__name__


@dataclass(slots=True)
class _Group:
    """Slots with the same values everywhere."""

    family: str
    values: tuple[Value, ...]
    slots: list[Slot]

    @property
    def default(self) -> Value | Required:
        """PyTorch's default, where some instance leaves the argument at it."""
        default = self.slots[0].arg.default
        if any(slot.arg.default != default for slot in self.slots) or default not in self.values:
            return REQUIRED
        return default


def parametrise(
    rows: Sequence[Sequence[Slot]], ends: Ends, flat: bool
) -> tuple[list[Parameter], dict[tuple[tuple[str, ...], str], str]]:
    """(parameters, the text of each argument that is not a constant) from the slots of each instance."""
    groups = _group(rows)
    names = _name(groups, ends, flat)
    parameters: list[Parameter] = []
    texts: dict[tuple[tuple[str, ...], str], str] = {}
    for group, name in sorted(zip(groups, names, strict=True), key=lambda pair: _rank(pair[1])):
        text = None if name.startswith(("in_", "out_")) else _derived(group, parameters)
        if text is None:
            text = name
            keyword = group.family != "channels"
            parameters.append(Parameter(name, group.values, group.default, keyword, group.family))
        for slot in group.slots:
            texts[slot.way, slot.arg.name] = text
    parameters.sort(key=lambda parameter: (parameter.default is not REQUIRED, parameter.keyword))
    return parameters, texts


def _group(rows: Sequence[Sequence[Slot]]) -> list[_Group]:
    groups: dict[tuple[object, ...], _Group] = {}
    for column in zip(*rows, strict=True):
        values = tuple(slot.arg.value for slot in column)
        if len({(type(value), value) for value in values}) == 1:
            continue
        slot = column[0]
        key = (slot.arg.family or slot.way, slot.arg.name if not slot.arg.family else "", values)
        groups.setdefault(key, _Group(slot.arg.family, values, [])).slots.append(slot)
    return list(groups.values())


def _rank(name: str) -> int:
    return ENDS.index(name) if name in ENDS else len(ENDS)


def _name(groups: Sequence[_Group], ends: Ends, flat: bool) -> list[str]:
    """A name for each group: what enters and leaves first, then the arguments' own names."""
    entering, leaving = tuple(end[0] for end in ends), tuple(end[1] for end in ends)
    kind = "features" if flat else "channels"
    taken: dict[int, str] = {}
    for index, group in enumerate(groups):
        if group.family != "channels":
            continue
        if group.values == entering == leaving:
            taken[index] = kind
        elif group.values in (entering, leaving):
            end = "in" if group.values == entering else "out"
            own = {slot.arg.name for slot in group.slots}
            taken[index] = f"{end}_features" if own <= {"in_features", "out_features"} else f"{end}_channels"
    inner = [index for index, group in enumerate(groups) if group.family == "channels" and index not in taken]
    if len(inner) == 1 and len(groups[inner[0]].slots) > 1:
        taken[inner[0]] = f"hidden_{kind}"
    short = Counter(_with_way(group, digits=False) for index, group in enumerate(groups) if index not in taken)
    names: list[str] = []
    for index, group in enumerate(groups):
        name = _own_name(group)
        candidates = [] if name in CHANNEL_NAMES.values() else [name]
        candidates += [_with_way(group, digits=False)] if short[_with_way(group, digits=False)] == 1 else []
        used = {*taken.values(), *names, *LOCALS_TAKEN, *MODULE_ATTRIBUTES}
        names.append(taken.get(index) or free_name([*candidates, _with_way(group, digits=True)], used))
    return names


def _own_name(group: _Group) -> str:
    slot = _telling(group)
    return CHANNEL_NAMES.get(slot.arg.name, slot.arg.name)


def _telling(group: _Group) -> Slot:
    """The slot to name a group after: the part that makes the channels rather than one that takes them."""
    return next((slot for slot in group.slots if slot.arg.name.startswith("out_")), group.slots[0])


def _with_way(group: _Group, digits: bool) -> str:
    words = [word for word in _telling(group).way if digits or not word.isdigit()]
    return variable("_".join([*words, _own_name(group)]))


def _derived(group: _Group, parameters: Sequence[Parameter]) -> str | None:
    """An expression of earlier parameters that gives the group's values, say `4 * channels`."""
    numbers = [value for value in group.values if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) != len(group.values):
        return None
    for parameter in parameters:
        known = [value for value in parameter.values if isinstance(value, int) and not isinstance(value, bool)]
        if len(known) != len(numbers) or min(known) < 1:
            continue
        if group.family == "padding" and parameter.family == "kernel_size":
            if all(number == size // 2 for number, size in zip(numbers, known, strict=True)):
                return f"{parameter.name} // 2"
        elif group.family == parameter.family == "channels" and parameter.name in ENDS and len(set(known)) > 1:
            factor = numbers[0] // known[0]
            if factor > 1 and all(number == factor * one for number, one in zip(numbers, known, strict=True)):
                return f"{factor} * {parameter.name}"
            factor = known[0] // numbers[0] if numbers[0] else 0
            if factor > 1 and all(one == factor * number for number, one in zip(numbers, known, strict=True)):
                return f"{parameter.name} // {factor}"
    return None
