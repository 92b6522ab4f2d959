"""Commands that read trials: export, cdf, compare, knobs, scatter, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweep.cli.app import app
from sweep.cli.selection_options import print_notes, takes_all_trials, takes_trials
from sweep.cli.typer_options import AsJson, Confidence, Out, with_flags
from sweep.console.output import plain_console, print_json, print_warnings
from sweep.errors import InputError
from sweep.results.selection import Trials

if TYPE_CHECKING:
    import pandas as pd

    from analysis import Comparison, Summary, SweepTrials


@app.command(
    epilog="Example: [bold]sweep export --out results.parquet[/bold]. With [bold]--from[/bold], trials from "
    "elsewhere become a table that needs no flags any more"
)
@takes_all_trials
def export(trials: Trials, out: Out) -> None:
    """Write one row a trial to a .csv, .parquet or .json file."""
    from sweep.utils.text import counted
    from sweep.workspace.trial_table import write_table

    write_table(trials.table, out)
    print_notes(trials)
    plain_console().print(f"{counted(len(trials.table), 'trial')} written to {out}", markup=False)


@app.command(
    epilog="Example: [bold]sweep cdf --out fig.pdf[/bold]. With [bold]--absolute[/bold]: the error itself. "
    "From elsewhere: [bold]sweep cdf --from results.csv --optimum lr=1e-3,wd=0.1 --out fig.pdf[/bold]"
)
@takes_trials
def cdf(
    trials: Trials,
    out: Out,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="The error or metric itself, not Δ to the optimum.")
    ] = False,
    relative: Annotated[
        bool,
        typer.Option("--relative", help="Δ in percent of the optimum's value, as for losses of any size."),
    ] = False,
    band: Annotated[
        str | None,
        typer.Option(
            help="For iid points equal-precision (default), ks, dkw, pointwise; for sobol scramble; or none."
        ),
    ] = None,
    confidence: Confidence = 0.95,
    style: Annotated[
        str | None,
        typer.Option(help="paper: a column of a paper, 8 pt; slides: 16:9, large type, thick lines."),
    ] = None,
) -> None:
    """Draw the EDFs: share of trials within x points of the optimum's error. Steep means robust."""
    import analysis
    from analysis import figures
    from sweep.results.figures import bands_of, with_places

    if absolute and relative:
        raise InputError(
            "give either `absolute`, the metric itself, or `relative`, Δ to the optimum in percent"
        )
    sweeps = analysis.read_sweeps(with_places(trials.to_compare), any_metric=True)
    shown = analysis.relative_sweeps(sweeps) if relative else sweeps
    drawn = [analysis.curve_of(each, absolute=absolute) for each in shown]
    bands, notes = ({}, []) if band == "none" else bands_of(drawn, band, confidence)
    summaries = [analysis.summarise(each, confidence) for each in shown]
    summary = analysis.summary_table(summaries)
    if relative:
        own = analysis.summary_table([analysis.summarise(each, confidence) for each in sweeps])
        summary = analysis.with_relative_shares(own, summary)
    figures.save(
        figures.cdf_figure(drawn, bands, style=style, chances=trials.chances), out
    )  # once nothing is left that could be refused
    print_notes(trials)
    _print_cdf(trials, sweeps, summaries, summary, confidence)
    flattered = [] if absolute else analysis.verdicts(sweeps, trials.learning)
    print_warnings([with_flags(text) for text in [*trials.warnings, *notes, *flattered]])
    plain_console().print(f"Written to {out}", markup=False)


def _print_cdf(
    trials: Trials,
    sweeps: "Sequence[SweepTrials]",
    summaries: "Sequence[Summary]",
    summary: "pd.DataFrame",
    confidence: float,
) -> None:
    """Print the table of a figure of EDFs, and what each model is called."""
    from analysis import of_chance
    from sweep.console.comparison import print_ranking, print_repeats, print_sweeps

    console, metric = plain_console(), summaries[0].sweep.metric
    print_sweeps(summary, console, sweeps[0].metric, metric)
    print_ranking(summaries, console)
    for line in of_chance(sweeps, trials.chances):
        console.print(line, markup=False)
    print_repeats(sweeps, confidence, console)


@app.command(
    epilog="Example: [bold]sweep compare[/bold]; [bold]sweep compare --optimizer sgd --out pairs.csv[/bold]. "
    "Over several data sets: [bold]sweep compare --across recipe --out across.pdf[/bold]"
)
@takes_trials
def compare(
    trials: Trials,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write the table to a .csv, .parquet or .json file; or draw --across."
        ),
    ] = None,
    across: Annotated[
        str | None,
        typer.Option(
            metavar="recipe",
            help="Ask of all recipes together which model is near the best, which is sensitive, and what one "
            "setting for all costs.",
        ),
    ] = None,
    test: Annotated[
        str, typer.Option(help="paired, unpaired, or auto: paired where models share their points.")
    ] = "auto",
    confidence: Confidence = 0.95,
    margin: Annotated[
        str | None,
        typer.Option(
            help="Ask whether they are alike up to a difference that would not matter: 0.1 of the area under "
            "the EDF of Δ, within4=0.1 of the share within 4 points, error=0.5 points of the median error."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare models, optimizers or recipes: which is better, which more robust, and how sure that is."""
    import analysis
    from sweep.console.comparison import comparison_json
    from sweep.results.figures import with_places
    from sweep.workspace.trial_table import write_table

    sweeps = analysis.read_sweeps(with_places(trials.to_compare), any_metric=True)
    if across is not None:
        _check_across(across, test, margin)
        return _compare_across(trials, sweeps, confidence, out, as_json=as_json)
    asked = None if margin is None else analysis.read_margin(margin)
    pairs = analysis.compare(sweeps, test=test, confidence=confidence, margin=asked)
    summary = analysis.summary_table([analysis.summarise(each, confidence) for each in sweeps])
    if out:
        write_table(analysis.comparison_table(pairs), out)
    print_notes(trials)
    if as_json:
        print_json(comparison_json(pairs, summary, sweeps, confidence))
        return
    _print_compared(sweeps, summary, pairs, confidence)
    _print_doubts(trials, sweeps)
    if out:
        plain_console().print(f"Written to {out}", markup=False)


def _print_compared(
    sweeps: "Sequence[SweepTrials]",
    summary: "pd.DataFrame",
    pairs: "Sequence[Comparison]",
    confidence: float,
) -> None:
    """Print the table of what is compared, what is noise in it, and what is claimed."""
    from sweep.console.comparison import (
        print_comparisons,
        print_repeats,
        print_sweeps,
        print_test_images,
    )

    console = plain_console()
    print_sweeps(summary, console, sweeps[0].metric)
    print_repeats(sweeps, confidence, console)
    print_test_images(sweeps, confidence, console)
    print_comparisons(pairs, console)


def _print_doubts(trials: Trials, sweeps: "Sequence[SweepTrials]") -> None:
    """Print the warnings of the trials, and where Δ flatters a model."""
    from analysis import verdicts

    warnings = [*trials.warnings, *verdicts(sweeps, trials.learning)]
    print_warnings([with_flags(text) for text in warnings])


def _check_across(across: str, test: str, margin: str | None) -> None:
    """Refuse what no comparison across recipes can answer."""
    if across != "recipe":
        raise InputError(f"`across` takes recipe, got {across!r}")
    if test != "auto" or margin is not None:
        raise InputError("`test` and `margin` are about pairs of sweeps: leave them out with `across`")


def _compare_across(
    trials: Trials,
    sweeps: "Sequence[SweepTrials]",
    confidence: float,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    from analysis import read_across
    from sweep.console.across import across_json, print_across
    from sweep.results.figures import write_across

    found = read_across(sweeps, confidence)
    if out:
        write_across(found, out)
    print_notes(trials)
    if as_json:
        print_json(across_json(found))
        return
    print_across(found, plain_console())
    _print_doubts(trials, sweeps)
    plain_console().print(f"Written to {out}" if out else "Figure: --out across.pdf", markup=False)
    plain_console().print("Next: sweep compare, pair by pair", markup=False)


@app.command(
    epilog="Example: [bold]sweep knobs --out knobs.pdf[/bold]. Of trials from elsewhere: [bold]sweep knobs "
    "--from search.csv,model=resnet50 --set design=iid[/bold]"
)
@takes_trials
def knobs(
    trials: Trials,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Draw a .pdf, .svg or .png, or write a .csv, .parquet or .json table."
        ),
    ] = None,
    cliff: Annotated[
        float | None,
        typer.Option(
            help="A cliff is where the median is this much worse for good, in the metric's unit. "
            "By default 10 points of error; of another metric 10 times the least Δ of `sweep cdf`, "
            "at most a tenth of its range."
        ),
    ] = None,
    confidence: Confidence = 0.95,
    as_json: AsJson = False,
) -> None:
    """Tell which hyperparameter matters, how much, where its best values are and how far its cliffs."""
    import analysis
    from sweep.console.knobs import print_knobs
    from sweep.results.figures import with_places, write_knobs
    from sweep.workspace.trial_table import records

    sweeps = analysis.read_sweeps(with_places(trials.to_compare), any_metric=True)
    found = [analysis.read_knobs(each, confidence, cliff) for each in sweeps]
    if out:
        write_knobs(found, out)
    print_notes(trials)
    if as_json:
        print_json(records(analysis.knobs_table(found)))
        return
    print_knobs(found, plain_console())
    notes = dict.fromkeys(note for each in found for note in each.notes)
    print_warnings([with_flags(text) for text in [*trials.warnings, *notes]])
    if out:
        plain_console().print(f"Written to {out}", markup=False)


@app.command(epilog="Example: [bold]sweep scatter --out fig.pdf[/bold]")
@takes_trials
def scatter(trials: Trials, out: Out) -> None:
    """Draw error against lr, wd and lr × wd, with a bar at the optimum."""
    from analysis import figures
    from sweep.results.figures import with_places

    figures.save(figures.scatter_figure(with_places(trials.to_compare)), out)
    print_notes(trials)
    plain_console().print(f"Written to {out}", markup=False)


@app.command(
    epilog="Example: [bold]sweep report --out report.html[/bold], then open it in any browser. For a web "
    "server: [bold]sweep report --bundle site[/bold]"
)
@takes_trials
def report(
    trials: Trials,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write: .html.")] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder to write instead: a report for each recipe, and a page that leads to all."),
    ] = None,
) -> None:
    """Write all that the sweeps show as one HTML page: what was run, figures, comparisons, every trial."""
    from analysis.report import report_html
    from sweep.results import report as reports
    from sweep.results.figures import with_places
    from sweep.results.report_site import write_bundle

    if (out is None) == (bundle is None):
        raise InputError("give either `out`, a file, or `bundle`, a folder")
    if bundle is not None:
        written = write_bundle(trials, bundle)
    else:
        assert out is not None
        reports.check_suffix(out)
        extras = reports.extras(trials.sweeps, trials.warnings, metric=trials.metric)
        reports.write(report_html(with_places(trials.to_compare), extras), out)
        written = [out]
    print_notes(trials)
    for path in written:
        plain_console().print(f"Written to {path}", markup=False)
