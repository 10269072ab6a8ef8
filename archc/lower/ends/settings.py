"""Settings of `train:` that do not go together, or with the data: lengths of lists, momentum, means that nobody knows."""

from __future__ import annotations

from archc.lower.ends.data import Data
from archc.lower.ends.view import Spot, View
from archc.lower.train import Section, Train


def check_settings(train: Train, data: Data, view: View) -> None:
    """Report what torch would refuse when the run begins."""
    _check_normalize(data, view)
    optimizer = train.sections.get("optimizer")
    if optimizer is not None:
        _check_optimizer(optimizer, view)


def _check_normalize(data: Data, view: View) -> None:
    fields = data.section.fields
    for name in ("mean", "std"):
        given = fields.get(name)
        if given is None or given.span is None or not isinstance(given.value, tuple):
            continue
        if len(given.value) not in (1, data.dims[0]):
            spot = Spot(given.span, f"{len(given.value)} are given, the data has {_channels(data.dims[0])}")
            help = f"write one number, or {data.dims[0]}" if data.dims[0] > 1 else "write one number"
            view.report("A0104", f"`{name}` needs a number for each channel, or one for all", spot, help=help)
    normalize = fields.get("normalize")
    if normalize is None or normalize.value is not True or normalize.span is None or data.known:
        return
    if all(fields[name].value is None for name in ("mean", "std")):
        spot = Spot(normalize.span, f"no mean and deviation of `{data.name}` are known")
        view.report("A0104", "`normalize` needs a mean and a deviation", spot, help="give `mean` and `std`")


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


def _check_optimizer(optimizer: Section, view: View) -> None:
    betas = optimizer.fields.get("betas")
    if betas is not None and betas.span is not None and isinstance(betas.value, tuple) and len(betas.value) != 2:
        spot = Spot(betas.span, f"{len(betas.value)} are given")
        view.report("A0104", "`betas` needs two numbers", spot, help="write `[0.9, 0.999]`")
    nesterov, momentum = optimizer.fields.get("nesterov"), optimizer.fields.get("momentum")
    if nesterov is None or momentum is None or nesterov.value is not True or nesterov.span is None:
        return
    if momentum.value == 0.0:
        spot = Spot(nesterov.span, "`momentum` is 0")
        view.report("A0104", "`nesterov` needs a momentum", spot, help="add `momentum: 0.9`")
