"""The body of a `forward`: statements, and the variables that carry values from one to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from archc.backends.python.layout import INDENT, Call, Code, render
from archc.backends.python.names import FLOW, free_name, is_identifier, quoted, variable
from archc.backends.python.tree import Part, Step
from archc.backends.python.usage import Usage, operator

INLINE_LIMIT = 72
"""An expression longer than this gets a statement of its own."""

ATOM, PRODUCT, SUM = 2, 1, 0


@dataclass(frozen=True, slots=True)
class Text:
    """An expression, how tightly it binds, and the variables that it reads."""

    code: Code
    binding: int = ATOM
    reads: frozenset[str] = frozenset()

    def at_least(self, binding: int) -> str:
        """As text, in parentheses where it binds less tightly than `binding`."""
        return str(self.code) if self.binding >= binding else f"({self.code})"


class Body:
    """Writes the steps of `holder`'s forward as statements.

    `arguments` are the values that enter, by name; `results` those that are returned. A value in `preferred` takes
    that name where it needs one; no variable is called as one of `taken`.
    """

    def __init__(
        self,
        holder: Part,
        steps: Sequence[Step],
        arguments: Sequence[tuple[int, str]],
        results: Sequence[int],
        preferred: Mapping[int, str] | None = None,
        taken: Iterable[str] = (),
    ) -> None:
        self.holder = holder
        self.steps = steps
        self.preferred = preferred or {}
        self.usage = Usage(steps, results)
        self.left = {value: len(users) for value, users in self.usage.users.items()}
        self.values: dict[int, Text] = {}
        self.names = {*taken, *(name for _, name in arguments)}
        for value, name in arguments:
            self.values.setdefault(value, _variable(name))

    def write(self, start: int, stop: int, depth: int) -> list[str]:
        """The statements of steps `start` to `stop`."""
        lines: list[str] = []
        done = {index for first, members in self.usage.unpacked.items() for index in members if index != first}
        for index in range(start, stop):
            if index in self.usage.unpacked:
                lines.append(INDENT * depth + self._unpack(self.usage.unpacked[index]))
            elif index not in done:
                lines += self._statement(index, depth)
        return lines

    def use(self, value: int) -> Text:
        """The text of `value`, counted as one use."""
        self.left[value] -= 1
        return self.values[value]

    def _statement(self, index: int, depth: int) -> list[str]:
        step = self.steps[index]
        text = self._text(step, [self.use(value) for value in step.inputs])
        short = len(str(text.code)) <= INLINE_LIMIT or self.usage.is_last(index)
        if index in self.usage.deferred and short:
            self.values[step.output] = text
            return []
        name = self._name(index, text)
        self.values[step.output] = _variable(name)
        return render(text.code, depth, f"{name} = ")

    def _unpack(self, indices: Sequence[int]) -> str:
        steps = [self.steps[index] for index in indices]
        source = self.use(steps[0].inputs[0])
        names = [self._own_name(step) for step in steps]
        for name, step in zip(names, steps, strict=True):
            self.values[step.output] = _variable(name)
        _, chunks, dim, _ = operator(steps[0])
        return f"{', '.join(names)} = {source.at_least(ATOM)}.chunk({chunks}, dim={dim})"

    def _name(self, index: int, text: Text) -> str:
        step = self.steps[index]
        if self.usage.flows(index) and step.output not in self.preferred:
            held = {name for value, kept in self.values.items() if self.left.get(value) for name in kept.reads}
            free = [name for name in FLOW if name not in held]
            if free:
                return next((name for name in free if name in text.reads), free[0])
        return self._own_name(step)

    def _own_name(self, step: Step) -> str:
        word = variable("_".join(part.name for part in step.way))
        name = free_name([self.preferred.get(step.output, word), word], self.names)
        self.names.add(name)
        return name

    def _text(self, step: Step, operands: Sequence[Text]) -> Text:
        reads = frozenset(name for text in operands for name in text.reads)
        form = step.part.written
        if form is not None and form.kind == "parameter":
            return Text(f"{operands[0].at_least(PRODUCT)} * {access(step.way, self.holder)}", PRODUCT, reads)
        match operator(step):
            case ["add"]:
                return Text(_joined(" + ", operands, SUM), SUM, reads)
            case ["multiply"]:
                return Text(_joined(" * ", operands, PRODUCT), PRODUCT, reads)
            case ["cat", dim]:
                values = Call("[", [text.code for text in operands], "]")
                return Text(Call("torch.cat(", [values, f"dim={dim}"]), ATOM, reads)
            case ["chunk", chunks, dim, index]:
                return Text(f"{operands[0].at_least(ATOM)}.chunk({chunks}, dim={dim})[{index}]", ATOM, reads)
            case _:
                call = Call(f"{access(step.way, self.holder)}(", [text.code for text in operands])
                return Text(call, ATOM, reads)


def _variable(name: str) -> Text:
    return Text(name, ATOM, frozenset({name}))


def _joined(sign: str, operands: Sequence[Text], binding: int) -> str:
    # Python groups to the left, so only the first operand may bind as loosely as the sign.
    return sign.join(text.at_least(binding + (index > 0)) for index, text in enumerate(operands))


def access(way: Sequence[Part], holder: Part) -> str:
    """How the class `holder` reaches the part at the end of `way`: `self.layer1[0]`."""
    text = "self"
    for part in way:
        if holder.indexed and part.is_module:
            text = f"{text}[{part.name}]"
        elif is_identifier(part.name):
            text = f"{text}.{part.name}"
        else:
            text = f"getattr({text}, {quoted(part.name)})"
        holder = part
    return text
