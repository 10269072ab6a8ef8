"""archc: the compiler for neural-network architectures.

`load` a spec, `check` it, and compile it: `load("resnet18").to_torch()`.
"""

from archc.api import Spec, load
from archc.diagnostics import Diagnostic, Label, SourceFile, Span, SpecError
from archc.version import __version__

__all__ = ["Diagnostic", "Label", "SourceFile", "Span", "Spec", "SpecError", "__version__", "load"]
