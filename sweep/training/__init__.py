"""Train one trial, or a pack of trials in lock-step, on one device: torch and timm only."""

from sweep.training.batches import Batch, BatchSource
from sweep.training.checkpoint import EVERY_S as CHECKPOINT_EVERY_S
from sweep.training.checkpoint import Checkpoint
from sweep.training.loop import train
from sweep.training.optim import lr_factor, make_optimizer
from sweep.training.ranks import Ranks, joined
from sweep.training.streams import open_batches
from sweep.training.timing import epoch_seconds

__all__ = [
    "CHECKPOINT_EVERY_S", "Batch", "BatchSource", "Checkpoint", "Ranks", "epoch_seconds", "joined",
    "lr_factor", "make_optimizer", "open_batches", "train",
]  # fmt: skip
