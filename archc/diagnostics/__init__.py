"""Diagnostics as data: codes, places, labels, and the pages that explain them."""

from archc.diagnostics.codes import CODES, Code, Severity
from archc.diagnostics.model import Diagnostic, Label, Report, SourceFile, Span, SpecError, Stop

__all__ = ["CODES", "Code", "Diagnostic", "Label", "Report", "Severity", "SourceFile", "Span", "SpecError", "Stop"]
