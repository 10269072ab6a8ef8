"""A loss that is no number: where in the network it began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import distributed, nn

from archc.diagnostics import SpecError
from archc.train.faults import fault
from archc.train.sharding import local

if TYPE_CHECKING:
    from archc.train.task import Task


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all of a tensor is finite."""
    return bool(torch.isfinite(tensor).all())


class NonFinite(Exception):
    """Numbers are not finite; what was saved before is kept."""

    def __init__(self, said: str, blamed: tuple[str, ...] = ()) -> None:
        super().__init__(said)
        self.said, self.blamed = said, blamed

    def diagnostic(self, task: Task) -> SpecError:
        """What is said of it."""
        help = "lower `lr`, or add `clip_norm: 1.0` or a `warmup`; the last checkpoint is kept"
        where = task.settings.spans.get("optimizer.lr") or task.settings.spans["optimizer"]
        return fault("A0807", self.said, where, help, self.blamed)


def non_finite_loss(
    task: Task, inputs: torch.Tensor, labels: torch.Tensor, loss: float, *, is_here: bool = True
) -> NonFinite:
    """The loss of a batch is not finite; its gradients were not computed, and the weights are those of the step before."""
    blamed = "another process has it"
    if is_here or task.is_sharded:  # a network that is shared out is run by all
        found = _blamed(task, inputs, labels)
        blamed = found if is_here else blamed
    at = task.progress
    return NonFinite(f"the loss is {loss} at step {at.step + 1}, in epoch {at.epoch + 1}", (blamed,))


def check_weights(task: Task) -> None:
    """Raise NonFinite where a step has left the network with numbers that are not finite; all processes call it."""
    tensors = task.net.state_dict().items()
    found = [name for name, one in tensors if one.is_floating_point() and not is_finite(local(one))]
    is_bad = torch.tensor(float(bool(found)), device=task.device)
    if task.share.world > 1:
        distributed.all_reduce(is_bad, distributed.ReduceOp.MAX)
    if is_bad:
        blamed = f"the first is `{found[0]}`" if found else "another process has them"
        raise NonFinite(f"weights are not finite after step {task.progress.step}", (blamed,))


def _blamed(task: Task, inputs: torch.Tensor, labels: torch.Tensor) -> str:
    """The first module whose output is not finite, when the batch is run again."""
    found: list[str] = []
    hooks = []

    def watch(name: str, module: nn.Module) -> Any:
        def look(_: nn.Module, __: Any, output: Any) -> None:
            tensors = [output] if isinstance(output, torch.Tensor) else list(output)
            if not found and not all(is_finite(tensor) for tensor in tensors):
                found.append(name)

        return module.register_forward_hook(look)

    for name, module in task.net.named_modules():
        if name and not any(True for _ in module.children()):
            hooks.append(watch(name, module))
    try:
        with torch.no_grad(), task.trainer.precision_plugin.forward_context():
            task.net(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not is_finite(inputs):
        return "the inputs are not finite"
    if labels.is_floating_point() and not is_finite(labels):
        return "the labels are not finite"
    if not found:
        return "the output of every module is finite: the loss itself is not"
    bad = [name for name, tensor in task.net.state_dict().items() if not is_finite(local(tensor))]
    text = f"`{found[0]}` is the first module whose output is not finite"
    return text + (f"; `{bad[0]}` of the weights is not either" if bad else "")
