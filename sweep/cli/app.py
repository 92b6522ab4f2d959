"""The Typer application that the commands register with."""

import typer

app = typer.Typer(
    name="sweep",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="How hard is a model to train? Sweep learning rate and weight decay around its optimum, "
    "and draw the error distribution function (EDF): steep means robust.",
)
