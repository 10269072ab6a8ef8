"""Dotted names, and what a module may not be called: a child of such a name would hide an attribute of torch.nn.Module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MODULE_ATTRIBUTES: Final = frozenset(
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
    reset_parameters
    """.split()  # noqa: SIM905 - a paragraph of words is easier to compare with PyTorch's documentation
)
"""The attributes of torch.nn.Module but for dunders, and `reset_parameters`, which generated networks define."""


def has_run(name: str, part: str) -> bool:
    """Whether whole parts of a dotted name are `part`: `a.norm.1.weight` has `norm.1`."""
    return f".{part}." in f".{name}."


def renamed(name: str, aliases: Mapping[str, str]) -> str:
    """A dotted name with each older part of it, the first of its aliases first, in today's words."""
    for old, new in aliases.items():
        name = f".{name}.".replace(f".{old}.", f".{new}.").strip(".")
    return name
