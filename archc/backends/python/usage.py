"""Who uses each value in a forward, and so which expressions may stand where they are used."""

from __future__ import annotations

from collections.abc import Sequence

from archc.backends.python.tree import Step

RESULT = -1
"""Stands for the return statement among the steps that use a value."""


class Usage:
    """The uses of each value among `steps`, and in the return statement of `results`.

    `deferred` steps are written inside the statement that uses them. `unpacked` are the chunks of one value that are
    all used, which make one statement: `left, right = x.chunk(2, dim=1)`.
    """

    def __init__(self, steps: Sequence[Step], results: Sequence[int]) -> None:
        self.steps = steps
        self.results = results
        self.users: dict[int, list[int]] = {}
        self.unpacked = self._find_unpacked()
        self._in_unpack = {index for members in self.unpacked.values() for index in members}
        for index, step in enumerate(steps):
            if index not in self._in_unpack or index in self.unpacked:
                for value in step.inputs:
                    self.users.setdefault(value, []).append(index)
        for value in results:
            self.users.setdefault(value, []).append(RESULT)
        self._chunks = {steps[index].output for index in self._in_unpack}
        self._made = {step.output for step in steps}
        self.deferred = frozenset(index for index in range(len(steps)) if self._can_defer(index))

    def flows(self, index: int) -> bool:
        """Whether the value of step `index` is used once, by the next statement."""
        users = self.users.get(self.steps[index].output, [])
        if len(users) != 1:
            return False
        user = users[0]
        if user != RESULT and operator(self.steps[user])[0] == "cat" and len(self.steps[user].inputs) > 2:
            return False  # among many branches a name says more
        while user in self.deferred:
            user = self.users[self.steps[user].output][0]
        following = index + 1
        while following in self.deferred or (following in self._in_unpack and following not in self.unpacked):
            following += 1
        return user == (RESULT if following == len(self.steps) else following)

    def is_last(self, index: int) -> bool:
        """Whether step `index` is the last one."""
        return index == len(self.steps) - 1

    def _find_unpacked(self) -> dict[int, list[int]]:
        families: dict[tuple[object, ...], dict[int, int]] = {}
        for index, step in enumerate(self.steps):
            name, *numbers = operator(step)
            if name == "chunk":
                families.setdefault((step.inputs, *numbers[:2]), {})[int(numbers[2])] = index
        unpacked: dict[int, list[int]] = {}
        for (_, chunks, _), members in families.items():
            if len(members) > 1 and sorted(members) == list(range(int(str(chunks)))):
                unpacked[min(members.values())] = [members[number] for number in sorted(members)]
        return unpacked

    def _can_defer(self, index: int) -> bool:
        step = self.steps[index]
        users = self.users.get(step.output, [])
        if len(users) != 1 or index in self._in_unpack:
            return False
        (user,) = users
        if user == RESULT and (self.is_last(index) or len(self.results) == 1):
            return self.is_last(index)
        if user != RESULT and not step.part.is_module:
            return True
        # A branch of one module reads best inside the merge that joins it.
        joins = user == RESULT or (not self.steps[user].part.is_module and len(self.steps[user].inputs) > 1)
        return joins and all(self._keeps_its_name(value) for value in step.inputs)

    def _keeps_its_name(self, value: int) -> bool:
        return value not in self._made or len(self.users[value]) > 1 or value in self._chunks


def operator(step: Step) -> list[str]:
    """The operator of an expression and its numbers; [""] for anything else."""
    form = step.part.written
    return form.callee.split() if form is not None and form.kind == "expression" else [""]
