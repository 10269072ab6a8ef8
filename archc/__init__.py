"""archc: the compiler for neural-network architectures.

`load` a spec, `check` it, and compile it: `load("resnet18").to_torch()`.
"""

from archc.api import Spec, load
from archc.diagnostics import Diagnostic, Label, SourceFile, Span, SpecError

__version__ = "0.1.0"
__all__ = ["Diagnostic", "Label", "SourceFile", "Span", "Spec", "SpecError", "__version__", "load"]
