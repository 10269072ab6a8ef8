"""A run, from a spec to a folder with the weights that it came to."""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch import Trainer
from lightning.pytorch.strategies import ModelParallelStrategy

from archc.api import Spec
from archc.diagnostics import SpecError
from archc.train.batches import Share
from archc.train.checkpoint import State
from archc.train.data import Data, load_data, places_of
from archc.train.data.examples import Unreadable
from archc.train.device import check_device, is_cpu
from archc.train.faults import fault
from archc.train.folder import RunFolder, environment_of, new_folder, summary_lines
from archc.train.keeper import Keeper
from archc.train.layout import ENVIRONMENT, SPEC
from archc.train.lock import Lock
from archc.train.memory import keep_memory
from archc.train.nonfinite import NonFinite
from archc.train.objective import objective_of
from archc.train.pooling import tile_pools
from archc.train.progress import Progress
from archc.train.resumed import check_data, check_ends, counted, last_state, resumed_spec
from archc.train.settings import Settings, settings_of
from archc.train.signals import Signals, Stopped
from archc.train.task import Task

PRECISIONS: Final[dict[str, Any]] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line says beside the spec."""

    output: Path | None = None
    data: Path | None = None
    device: str = "auto"
    download: bool = False
    threads: int | None = None
    base: Path = Path()
    """The folder that `train.data.path` starts from."""


@dataclass(slots=True)
class Run:
    """A run that is set up: new, or continued from a checkpoint."""

    spec: Spec
    settings: Settings
    data: Data
    options: Options
    share: Share
    folder: RunFolder | None
    """None in a process that is not the first."""
    resumed: State | None = None
    progress: Progress | None = None

    def say(self, line: str) -> None:
        """Print a line and log it."""
        if self.folder is not None:
            with suppress(BrokenPipeError):  # a reader that has left ends no run
                print(line, flush=True)
            self.folder.log(line)


def train(spec: Spec, options: Options) -> int:
    """Begin a run. Returns 0, or 128 and the number of the signal that ended it. Raises SpecError."""
    settings = settings_of(spec)
    check_device(options.device, settings)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    data = load_data(settings, places_of(settings, options.data, options.base), options.download)
    share = share_of_process()
    path = new_folder(spec.graph.name, options.output)
    folder = RunFolder(path) if share.rank == 0 else None
    if folder is None:
        return _run(Run(spec, settings, data, options, share, None))
    if folder.is_run:
        help = f"continue it by `archc train --resume {path}`, or choose another folder"
        raise fault("A0806", f"`{path}` holds a run already", path, help)
    folder.make()
    lock = Lock(path)
    try:
        folder.write(ENVIRONMENT, json.dumps(_environment(options, data, share), indent=2) + "\n")
        folder.keep_steps(0)
        folder.write(SPEC, spec.to_yaml())  # the last: from now on it is a run
        return _run(Run(spec, settings, data, options, share, folder))
    finally:
        lock.release()


def resume(path: Path, options: Options, settings_given: list[str], checkpoint: str | None = None) -> int:
    """Continue the run in a folder, from its last checkpoint or the one named. Otherwise as `train`."""
    folder = RunFolder(path)
    environment = folder.environment()
    share = share_of_process()
    lock = Lock(path) if share.rank == 0 else None
    try:
        spec = resumed_spec(path, settings_given)
        settings = settings_of(spec)
        check_device(options.device, settings)
        threads = options.threads or environment.get("threads")
        torch.set_num_threads(threads if isinstance(threads, int) and threads > 0 else torch.get_num_threads())
        given = options.data or (Path(environment["data"]) if environment.get("data") else None)
        data = load_data(settings, places_of(settings, given, options.base), options.download)
        check_data(environment, data, path)
        state, progress, name = last_state(folder, checkpoint)
        check_ends(settings, progress, path)
        run = Run(spec, settings, data, options, share, folder if share.rank == 0 else None, state, progress)
        if run.folder is not None:
            run.folder.keep_steps(progress.step if progress else 0)
            run.folder.write(SPEC, spec.to_yaml())
            run.folder.checkpoints.previous = name
        return _run(run)
    finally:
        if lock is not None:
            lock.release()


def _run(run: Run) -> int:
    signals = Signals()
    signals.watch()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries, to those who call them: it is not the user who does
            return _fitted(run, signals)
    finally:
        signals.leave()


def _fitted(run: Run, signals: Signals) -> int:
    net = run.spec.to_torch(seed=run.settings.seed)
    if is_cpu(run.options.device):
        keep_memory()
        if not run.settings.compile:  # which makes kernels of its own
            tile_pools(net)
    task = Task(
        net,
        run.settings,
        run.data,
        objective_of(run.spec.graph, run.settings),
        signals,
        run.share,
    )
    task.progress = run.progress or Progress()
    _announce(run, task)
    settings = run.settings
    ended = task.progress.ended_by(settings.epochs, settings.max_steps, settings.patience)
    if ended:
        run.say(f"the run has ended already; it goes on by `--set train.{ended}=N` with a larger N")
        return 0
    keeper = Keeper(task, run.spec.graph.name, run.folder, run.say, run.resumed)
    trainer = _trainer(run, keeper)
    done: Any = trainer.fit_loop.epoch_progress.current
    done.processed = done.completed = _first_epoch(task)
    try:
        trainer.fit(task)
    except Stopped as stop:
        keeper.close()
        run.say(f"stopped by {stop} after step {task.progress.step}; continue by `archc train --resume {_path(run)}`")
        return 128 + stop.number
    except NonFinite as error:
        found = error.diagnostic(task)
        if run.folder is not None:
            run.folder.log(found.diagnostics[0].message)
        raise found from None
    except Unreadable as error:
        if run.folder is not None:
            run.folder.log(str(error))
        help = "put a file that can be read in its place, and continue by `--resume`; without it the order is another"
        raise fault("A0803", str(error), run.settings.spans["data"], help) from None
    finally:
        keeper.bar.clear()
    keeper.close()
    if run.folder is not None:
        for line in summary_lines(task.progress, run.folder.path):
            run.say(line)
    return 0


def _first_epoch(task: Task) -> int:
    """The epoch that the loop begins with: one that is made but not tested is ended before that."""
    at = task.progress
    return at.epoch + (at.batch >= task.batches_per_epoch)


def _path(run: Run) -> Path | str:
    return run.folder.path if run.folder is not None else ""


def _announce(run: Run, task: Task) -> None:
    data, graph = run.data, run.spec.graph
    count = sum(parameter.numel() for parameter in task.net.parameters())
    run.say(
        f"{graph.name}: {count:,} parameters; {run.settings.data.type}: {len(data.train):,} examples to train on, {len(data.test):,} to test on"
    )
    if task.progress.step:
        run.say(f"continuing after step {task.progress.step}, in epoch {task.progress.epoch + 1}")


def _trainer(run: Run, keeper: Keeper) -> Trainer:
    settings, world = run.settings, run.share.world
    local = int(os.environ.get("LOCAL_WORLD_SIZE") or world // int(os.environ.get("SLURM_NNODES", 1)))
    is_slurm = "RANK" not in os.environ and SLURMEnvironment.detect()
    unused = any(weight == 0.0 for weight in settings.weights.values())
    strategy: Any = ("ddp_find_unused_parameters_true" if unused else "ddp") if world > 1 else "auto"
    if keeper.task.is_sharded:
        strategy = ModelParallelStrategy(data_parallel_size=world, tensor_parallel_size=1)
    return Trainer(
        accelerator="gpu" if run.options.device == "cuda" else run.options.device,
        devices=local if world > 1 else 1,
        num_nodes=max(1, world // local),
        strategy=strategy,
        plugins=[SLURMEnvironment(auto_requeue=False)]
        if is_slurm
        else None,  # which would write checkpoints of its own
        precision=PRECISIONS[settings.precision],
        max_epochs=settings.epochs,
        accumulate_grad_batches=settings.accumulate,
        gradient_clip_val=settings.clip_norm,
        sync_batchnorm=settings.sync_batch_norm,
        callbacks=[keeper],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
    )


def share_of_process() -> Share:
    """Which process this is: as torchrun or SLURM says in the environment."""
    for rank, world in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if rank in os.environ and world in os.environ:
            return Share(int(os.environ[rank]), int(os.environ[world]))
    return Share()


def _environment(options: Options, data: Data, share: Share) -> dict[str, Any]:
    folder = str(Path(data.folder).resolve()) if data.folder else ""
    return environment_of(
        command=sys.argv[1:],
        data=folder,
        **counted(data),
        processes=share.world,
        threads=torch.get_num_threads(),
        device=options.device,
    )


__all__ = ["Options", "Run", "SpecError", "resume", "train"]
