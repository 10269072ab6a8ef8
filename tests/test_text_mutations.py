"""Mistakes in the text of specs: every one is refused, and the line that has it is named.

`python -m tests.mutations --count 5000` runs many more and prints a table by operator.
"""

from __future__ import annotations

import pytest
from mutations.__main__ import shown, table
from mutations.corpus import Source, check, document, sources
from mutations.edits import Edit, Fault, apply
from mutations.judge import OPERATORS, Result, Verdict, judge, mutants, run

COUNT = 480
NAMED = 0.97
CARET = 0.95
CODED = 0.97
EACH = 1.1


@pytest.mark.parametrize("part", range(6))
def test_what_is_mutated_is_right(part: int) -> None:
    """Every layout of every spec is clean, so that a diagnostic is about the mutation."""
    for source in sources()[part::6]:
        assert check(source.text, source.folder, source.name)[1] == [], source.name


@pytest.mark.parametrize("seed", [1, 2])
def test_mutations_are_refused_and_their_line_is_named(seed: int) -> None:
    result = run(seed, COUNT // 2)
    total = result.total
    assert not result.accepted, "\n".join(shown(Verdict(mutant, [])) for mutant in result.accepted)
    worst = "\n".join(shown(verdict) for verdict in (*result.unnamed, *result.miscoded, *result.several[:3]))
    assert total.named >= NAMED * total.made, f"{worst}\n{table(result)}"
    assert total.primary >= CARET * total.made, f"{worst}\n{table(result)}"
    assert total.coded >= CODED * total.made, f"{worst}\n{table(result)}"
    assert total.diagnostics <= EACH * total.made, f"{worst}\n{table(result)}"


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_makes_mistakes_that_are_refused(name: str) -> None:
    result = Result()
    for mutant, source in mutants(3, 4, (name,)):
        result.take(judge(mutant, source))
    assert result.total.made >= 1
    assert result.total.rejected == result.total.made, [mutant.text for mutant in result.accepted]


def first() -> Source:
    return next(source for source in sources() if source.name == "specs/fashion_mnist/alexnet")


def test_a_text_without_a_mistake_counts_as_accepted() -> None:
    source = first()
    result = Result()
    nothing = Fault("none", (), (Edit(0, 0, "# a comment\n", (0,)),))
    mutant = apply(source.name, source.text, [nothing])
    assert mutant is not None
    result.take(judge(mutant, source))
    assert result.accepted == [mutant]


def test_a_diagnostic_on_another_line_names_nothing() -> None:
    source = first()
    doc = document(source)
    stage = next(one for one in doc.mappings if one.label == "max_pool")
    wrong = Fault("moved", (), (doc.set_value(stage.fields["kernel_size"], "many"),), ())
    elsewhere = Fault("moved", (), (Edit(wrong.edits[0].start, wrong.edits[0].end, "many"),), (0,))
    for fault, count in ((wrong, 1), (elsewhere, 0)):
        mutant = apply(source.name, source.text, [fault])
        assert mutant is not None
        result = Result()
        result.take(judge(mutant, source))
        assert (result.total.rejected, result.total.named) == (1, count)


def test_guilty_lines_follow_the_edits() -> None:
    text = "a\nb\nc\nd\n"
    faults = [Fault("one", (), (Edit(2, 3, "x\ny", (2,)),), (0,)), Fault("two", (), (Edit(6, 7, ""),), (4,))]
    mutant = apply("", text, faults)
    assert mutant is not None
    assert mutant.text == "a\nx\ny\nc\n\n"
    assert [sorted(lines) for _, lines in mutant.faults] == [[1, 3], [4]]
    assert apply("", text, [faults[0], Fault("meets", (), (Edit(2, 4, ""),))]) is None
