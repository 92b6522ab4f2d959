"""Mixed precision."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

_LEAST_SCALE = 1.0


class Precision:
    """The number format of a training: bfloat16 on a GPU that has it, else float16; float32 on a CPU.

    In float16 the gradients are scaled. If they overflow, the step is skipped and the scale is halved; if
    they overflow at scale 1, the training has diverged. The caller handles losses that are not finite.
    """

    def __init__(self, device: torch.device, *, mixed: bool) -> None:
        self._device = device.type
        self._dtype = _half(device) if mixed else None
        self._scaler = torch.amp.GradScaler(device.type) if self._dtype is torch.float16 else None

    def computing(self) -> AbstractContextManager[Any]:
        """Return the context in which to run a model."""
        return torch.autocast(self._device, self._dtype) if self._dtype else nullcontext()

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss to differentiate: scaled in float16."""
        return self._scaler.scale(loss) if self._scaler else loss

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Take the optimizer's step; return False if the gradients overflow without any scaling."""
        if not self._scaler:
            optimizer.step()
            return True
        self._scaler.step(optimizer)
        self._scaler.update()
        return self._scaler.get_scale() >= _LEAST_SCALE

    def state(self) -> dict[str, Any] | None:
        """Return the state of the gradient scaler; None without one."""
        return self._scaler.state_dict() if self._scaler else None

    def load(self, state: dict[str, Any] | None) -> None:
        """Restore the state of the gradient scaler."""
        if self._scaler:
            assert state is not None
            self._scaler.load_state_dict(state)


def _half(device: torch.device) -> torch.dtype | None:
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
