"""The metrics of a run as TensorBoard reads them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from archc.train.faults import unwritable
from archc.train.progress import Row

TAGS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "lr")


class Events:
    """Files of events in a folder; a run that is continued adds one, which takes back what the others say of later steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def add(self, row: Row) -> None:
        """Add an epoch. Raises SpecError."""
        values = asdict(row)
        try:
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self.folder), purge_step=row.epoch)
            for tag in TAGS:
                if values[tag] is not None:
                    self._writer.add_scalar(tag.replace("_", "/"), values[tag], row.epoch)
            self._writer.flush()
        except OSError as error:
            raise unwritable(self.folder, error) from None

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()
