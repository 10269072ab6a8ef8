"""Names in generated source: which words may stand as identifiers, and what the others turn into."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable


def words(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
WORDS = re.compile(r"[A-Za-z0-9]+", re.ASCII)

FLOW = ("x", "out")
"""The variables that carry the value along a chain; no stage is named so."""

IMPORTED = frozenset({"torch", "nn", "F", "Tensor", "NamedTuple", "OrderedDict", "self", "super"})
LOCALS_TAKEN = IMPORTED | set(dir(builtins)) | set(FLOW) | {"module", "bound"}

SEQUENTIAL_ATTRIBUTES = frozenset({"append", "extend", "insert", "pop"})
"""What nn.Sequential has beside nn.Module: a child of that name needs a class that is not a Sequential."""

MODULE_ATTRIBUTES = words(
    """
    T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
    extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules
    mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train training type xpu zero_grad
    _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules _named_members
    _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook _register_state_dict_hook
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks _state_dict_pre_hooks _version
    _wrapped_call_impl
    """
)
"""The attributes of torch.nn.Module, which a child must not hide."""


def is_identifier(word: str) -> bool:
    """Whether `word` may be written as a name or after `self.`."""
    return IDENTIFIER.fullmatch(word) is not None and not keyword.iskeyword(word) and not word.startswith("__")


def hides_attribute(word: str) -> bool:
    """Whether a child called `word` would hide what nn.Module needs."""
    return word in MODULE_ATTRIBUTES or (word.startswith("__") and word.endswith("__"))


def variable(word: str) -> str:
    """A variable for the stage called `word`: itself where it can be, `x3` for a number."""
    name = "_".join(WORDS.findall(word)) or "value"
    if name[0].isdigit():
        name = f"x{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in LOCALS_TAKEN else name


def field_name(word: str) -> str:
    """A field of a named tuple for the output called `word`."""
    name = "_".join(WORDS.findall(word)) or "output"
    name = f"output{name}" if name[0].isdigit() else name
    return f"{name}_" if keyword.iskeyword(name) or name in {"count", "index"} else name


def quoted(text: str) -> str:
    """A string literal in double quotes, as formatters write it, where that needs no escapes."""
    return f'"{text}"' if re.fullmatch(r"[A-Za-z0-9_. -]*", text, re.ASCII) else repr(text)


def camel(word: str, otherwise: str = "Net") -> str:
    """CamelCase of `word`: `conv_norm_act` gives ConvNormAct."""
    name = "".join(part[0].upper() + part[1:] for part in WORDS.findall(word))
    return f"{otherwise}{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name


def free_name(candidates: Iterable[str], taken: Iterable[str]) -> str:
    """The first of `candidates` that is not taken; the last one counts up if all are."""
    used, last = set(taken), "value"
    for last in candidates:
        if last not in used:
            return last
    count = 2
    while f"{last}{count}" in used:
        count += 1
    return f"{last}{count}"
