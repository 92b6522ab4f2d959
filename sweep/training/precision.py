"""Mixed precision: fewer bits where they are enough."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

_LEAST_SCALE = 1.0


class Precision:
    """Computes in bfloat16 on a GPU that has it, else in float16 with scaled gradients; in float32 on a CPU.

    A gradient in float16 may overflow by its scale alone: such a step is left out and the scale halved. What
    still overflows unscaled has diverged. A loss that is not finite never gets here.
    """

    def __init__(self, device: torch.device, *, mixed: bool) -> None:
        self._device = device.type
        self._dtype = _half(device) if mixed else None
        self._scaler = torch.amp.GradScaler(device.type) if self._dtype is torch.float16 else None

    def computing(self) -> AbstractContextManager[Any]:
        """Return the context in which a model computes."""
        return torch.autocast(self._device, self._dtype) if self._dtype else nullcontext()

    def scaled(self, loss: Tensor) -> Tensor:
        """Return the loss as it is differentiated."""
        return self._scaler.scale(loss) if self._scaler else loss

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Let the optimizer take its step; say whether its gradients can still be finite."""
        if not self._scaler:
            optimizer.step()
            return True
        self._scaler.step(optimizer)
        self._scaler.update()
        return self._scaler.get_scale() >= _LEAST_SCALE

    def state(self) -> dict[str, Any] | None:
        """Return the scale and how it came about; None if there is none."""
        return self._scaler.state_dict() if self._scaler else None

    def load(self, state: dict[str, Any] | None) -> None:
        """Go on from a state."""
        if self._scaler:
            assert state is not None
            self._scaler.load_state_dict(state)


def _half(device: torch.device) -> torch.dtype | None:
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
