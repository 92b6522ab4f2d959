"""Compiled models: one compilation in a worker, for all trials of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_MOST_GRAPHS = 1000
"""Of one piece of code in a process: one for each model and micro-batch size. Torch's own limit is 8, and
above it a model is not compiled, so that a result would depend on what else its worker has trained."""


class CompilationError(RuntimeError):
    """A model could not be compiled. The text says why."""


def compiled(model: nn.Module) -> nn.Module:
    """Return a model as ``torch.compile`` makes it, at its first step.

    What is compiled is reused by the next trial of the model, whose weights are only another input, with any
    lr, wd and seed.
    """
    config: Any = torch._dynamo.config
    config.recompile_limit = config.accumulated_recompile_limit = _MOST_GRAPHS
    config.fail_on_recompile_limit_hit = True
    return torch.compile(model, dynamic=False)  # type: ignore[return-value]


@contextmanager
def explain_compile_errors(*, compiling: bool) -> Iterator[None]:
    """Say in one line why a model cannot be compiled.

    Raises
    ------
    CompilationError
        In the place of torch's own error, whose last line does not tell it.
    """
    try:
        yield
    except Exception as error:
        if not (compiling and type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))):
            raise
        inner = getattr(error, "inner_exception", None) or error
        reason = (str(inner).strip() or type(inner).__name__).splitlines()[0][:300]
        raise CompilationError(
            f"the model could not be compiled: {reason}. Without `compile = true` in the recipe it is not"
        ) from error
