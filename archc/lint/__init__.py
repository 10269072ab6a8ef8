"""Warnings: rules over a network without errors, and the comments that silence them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from archc.diagnostics import Diagnostic, Report, SourceFile, Stop
from archc.diagnostics.model import in_order
from archc.lint import activations, idle, norms, unused, windows
from archc.lint.ignore import Ignores, faults
from archc.lint.network import Finding, Network
from archc.spec.load import Loaded

__all__ = ["RULES", "comment_faults", "lint"]

Rule = Callable[[Network], Iterator[Finding]]

RULES: Final[Mapping[str, Rule]] = {
    "A0901": norms.bias_before_norm,
    "A0902": windows.unread_rows,
    "A0903": norms.consecutive_norms,
    "A0904": activations.consecutive_activations,
    "A0905": norms.dropout_before_batch_norm,
    "A0906": activations.activation_on_logits,
    "A0907": unused.unused_blocks,
    "A0908": unused.unused_params,
    "A0909": unused.unused_defaults,
    "A0910": unused.unused_init,
    "A0911": idle.no_effect,
    "A0912": idle.constant_output,
    "A0913": windows.kernel_on_padding,
    "A0914": windows.enlarging_pool,
    "A0915": activations.consecutive_linears,
}
"""The rule of each code: what it finds in a network."""


def lint(network: Network, loaded: Loaded, is_varied: bool = False) -> list[Diagnostic]:
    """Every warning that no comment silences, and what is wrong with the comments of the spec itself.

    `is_varied`: params have other values than the spec's, so that a comment may silence nothing just now.
    """
    ignores = Ignores(loaded.files, loaded.extends)
    report = Report()
    try:
        for rule in RULES.values():
            for finding in rule(network):
                if not ignores.silence(finding):
                    report.add(finding.diagnostic)
        report.extend(faults(loaded.file))
        report.extend(() if is_varied else ignores.unused(loaded.file))
    except Stop:
        pass
    return in_order(report)


def comment_faults(file: SourceFile) -> list[Diagnostic]:
    """What is wrong with the comments of a text alone, whatever else is."""
    return in_order(faults(file))
