"""Compiled models: a worker compiles a model once, for all trials of that model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_MOST_GRAPHS = 1000
"""How many graphs torch may compile of one piece of code: one per model and micro-batch size. With torch's
own limit of 8, later models would run uncompiled, and results would depend on what a worker trained
before."""


class CompilationError(RuntimeError):
    """A model could not be compiled. The message gives the reason."""


def compiled(model: nn.Module) -> nn.Module:
    """Return a compiled model; the compilation happens at its first step.

    The next trial of the same model reuses the compiled code, with any lr, wd and seed: weights are inputs.
    """
    config: Any = torch._dynamo.config
    config.recompile_limit = config.accumulated_recompile_limit = _MOST_GRAPHS
    config.fail_on_recompile_limit_hit = True
    return torch.compile(model, dynamic=False)  # type: ignore[return-value]


@contextmanager
def explain_compile_errors(*, compiling: bool) -> Iterator[None]:
    """Turn torch's compilation errors into one line that gives the reason.

    Raises
    ------
    CompilationError
        Instead of torch's own error, the last line of which does not give the reason.
    """
    try:
        yield
    except Exception as error:
        if not (compiling and type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))):
            raise
        inner = getattr(error, "inner_exception", None) or error
        reason = (str(inner).strip() or type(inner).__name__).splitlines()[0][:300]
        raise CompilationError(
            f"the model could not be compiled: {reason}. Remove `compile = true` from the recipe to train it "
            "uncompiled"
        ) from error
