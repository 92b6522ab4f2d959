"""The Typer application that the commands register with."""

from typing import Any

import typer
from typer.core import TyperGroup

ORDER = (
    "run",
    "tune",
    "study",
    "status",
    "watch",
    "cdf",
    "compare",
    "knobs",
    "scatter",
    "report",
    "export",
    "ui",
    "models",
    "sync",
    "submit",
    "logs",
    "stop",
    "fetch",
)
"""The commands as a newcomer needs them; others follow."""


class InOrder(TyperGroup):
    """Lists the commands in this order, not in that of their modules' names."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return sorted(self.commands, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    name="sweep",
    cls=InOrder,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="How hard is a model to train? Sweep learning rate and weight decay around its optimum, "
    "and draw the error distribution function (EDF): steep means robust.",
)
