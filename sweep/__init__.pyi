"""The Python API with its keywords, for type checkers and editors.

Made of the option groups by ``make stub``; do not edit.
"""

import os
from collections.abc import Iterable

import pandas as pd

from sweep.driver.api import SearchResult as SearchResult
from sweep.driver.api import SweepResult as SweepResult
from sweep.driver.events import OnEvent

__all__ = ["SearchResult", "SweepResult", "find_optimum", "read_trials", "run_sweep"]

def run_sweep(
    models: str | Iterable[str] = (),
    *,
    model_args: str | None = None,
    trainer: str | None = None,
    optimizer: str = "adamw",
    recipe: str | None = None,
    data: str | os.PathLike[str] | None = None,
    skip_corrupt: bool = False,
    verify_data: bool = False,
    epochs: int | None = None,
    n: int | None = 64,
    design: str = "iid",
    over: str | None = None,
    box: str = "optimum",
    box_down: float | None = None,
    box_up: float | None = None,
    lr: float | None = None,
    wd: float | None = None,
    seeds: int = 5,
    repeat: int | Iterable[int] = (),
    seeds_per_point: int = 1,
    seed: int = 0,
    until: str | None = None,
    max_n: int | None = None,
    address: str = "local",
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float | None = None,
    storage: str | None = None,
    pack: int | str = "1",
    folder: str | os.PathLike[str] = "sweeps",
    dry_run: bool = False,
    retry_failed: bool = False,
    observer: OnEvent | None = None,
) -> SweepResult:
    """Train models at n points around their optimum, and at the optimum itself, as `sweep run` does.

    The same call again trains only what has no result yet; a larger ``n`` or ``seeds`` adds trials. In a
    notebook, interrupting the kernel stops it: every finished trial is kept.

    Parameters
    ----------
    models : sequence of str, optional
        Model to sweep, any of timm's.
    model_args : str, optional
        Arguments of the models, such as drop_path_rate=0.1,depth=6.
    trainer : str, optional
        Your own training function, with ``epochs``.
    optimizer : str, default adamw
        adamw, sgd, nadamw, lion, muon or adafactor.
    recipe : str, optional
        Name of a recipe, or path of a .toml. Default: digits.
    data : Path, optional
        Folder of the data, if the recipe needs one.
    skip_corrupt : bool, default False
        Leave images out that cannot be read, and say which.
    verify_data : bool, default False
        Read all images again, even if their size and times are unchanged.
    epochs : int, optional
        Train for this long instead of the recipe's.
    n : int, default 64
        Points around each optimum, which is trained too.
    design : str, default iid
        iid, sobol or grid.
    over : str, optional
        What is swept. Default: lr,weight_decay. Others with their range:
        lr,weight_decay,beta2=0.9:0.999:logit,warmup_epochs=0:5.
    box : str, default optimum
        optimum (× 1/8 to 4) or paper (the paper's ranges).
    box_down : float, optional
        Factor the box reaches down by, instead of 8.
    box_up : float, optional
        Factor the box reaches up by, instead of 4.
    lr : float, optional
        Learning rate of the optimum, if none is known.
    wd : float, optional
        Weight decay of the optimum, if none is known.
    seeds : int, default 5
        Trials at the optimum; Δ is counted from their mean.
    repeat : sequence of int, optional
        Point to train with as many seeds, by its index.
    seeds_per_point : int, default 1
        Trials at every point. If more than 1, a point counts with their mean.
    seed : int, default 0
        Draws the points and the initial weights.
    until : str, optional
        settled: train ``n`` points of each model, then twice as many, and so on, until it is settled which
        model to take and which is more robust, or ``max_n`` would not settle it.
    max_n : int, optional
        The most points, with ``until`` settled.
    address : str, default local
        Where trials run: local (Ray on this machine), none (in this process, without Ray), auto (the Ray
        cluster this machine is part of), or its HOST:PORT.
    cpus_per_trial : float, default 1.0
        CPUs reserved for a trial.
    gpus_per_trial : float, optional
        GPUs of a trial: a share of one, or several, which train it together. Default: 1 if any.
    storage : str, optional
        For checkpoints: a folder that all machines of a cluster see, or s3://BUCKET/FOLDER.
    pack : str, default 1
        Most trials of a model that one worker trains together: each image is loaded once for all of them.
        auto: as many as are measured to be fastest.
    folder : Path, default sweeps
        Folder of sweeps and searches.
    dry_run : bool, default False
        Say what would be trained, and stop.
    retry_failed : bool, default False
        Train failed trials once more.
    observer : callable, optional
        Is called with each event (`sweep.driver.events`). None: nothing is shown.
        `sweep.console.observer.console_observer` returns one that prints progress.

    Returns
    -------
    SweepResult
        Trials, and which are missing.

    Raises
    ------
    InputError
        Naming all that is wrong with the arguments, before anything is written.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.

    Examples
    --------
    >>> import sweep
    >>> result = sweep.run_sweep(["vit_p_1mf", "vit_c_1mf"], n=64, address="none")  # doctest: +SKIP
    >>> result.trials.groupby("model").top1_err.median()  # doctest: +SKIP
    """

def find_optimum(
    model: str | None = None,
    *,
    n_trials: int = 24,
    finalists: int = 4,
    seeds: int = 4,
    lr_range: str | None = None,
    wd_range: str | None = None,
    over: str | None = None,
    seed: int = 0,
    model_args: str | None = None,
    trainer: str | None = None,
    optimizer: str = "adamw",
    recipe: str | None = None,
    data: str | os.PathLike[str] | None = None,
    skip_corrupt: bool = False,
    verify_data: bool = False,
    epochs: int | None = None,
    address: str = "local",
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float | None = None,
    storage: str | None = None,
    folder: str | os.PathLike[str] = "sweeps",
    dry_run: bool = False,
    observer: OnEvent | None = None,
) -> SearchResult:
    """Find and save a model's optimum, as `sweep tune` does: `run_sweep` in the same folder takes it.

    Learning rate and weight decay are searched, and judged on data that is held out of the training. The same
    call again continues where it was stopped; a larger ``n_trials`` searches on.

    Parameters
    ----------
    model : str, optional
        Model to find an optimum of, any of timm's.
    n_trials : int, default 24
        Points that are tried.
    finalists : int, default 4
        The best points, which are tried again.
    seeds : int, default 4
        Other seeds that each finalist is trained with.
    lr_range : str, optional
        Searched instead of the optimizer's usual range.
    wd_range : str, optional
        The same of the weight decay.
    over : str, optional
        What is searched. Default: lr,weight_decay. Others with their range:
        lr,weight_decay,beta2=0.9:0.999:logit.
    seed : int, default 0
        Draws the first points and the initial weights.
    model_args : str, optional
        Arguments of the models, such as drop_path_rate=0.1,depth=6.
    trainer : str, optional
        Your own training function, with ``epochs``.
    optimizer : str, default adamw
        adamw, sgd, nadamw, lion, muon or adafactor.
    recipe : str, optional
        Name of a recipe, or path of a .toml. Default: digits.
    data : Path, optional
        Folder of the data, if the recipe needs one.
    skip_corrupt : bool, default False
        Leave images out that cannot be read, and say which.
    verify_data : bool, default False
        Read all images again, even if their size and times are unchanged.
    epochs : int, optional
        Train for this long instead of the recipe's.
    address : str, default local
        Where trials run: local (Ray on this machine), none (in this process, without Ray), auto (the Ray
        cluster this machine is part of), or its HOST:PORT.
    cpus_per_trial : float, default 1.0
        CPUs reserved for a trial.
    gpus_per_trial : float, optional
        GPUs of a trial: a share of one, or several, which train it together. Default: 1 if any.
    storage : str, optional
        For checkpoints: a folder that all machines of a cluster see, or s3://BUCKET/FOLDER.
    folder : Path, default sweeps
        Folder of sweeps and searches.
    dry_run : bool, default False
        Say what would be trained, and stop.
    observer : callable, optional
        As of `run_sweep`.

    Returns
    -------
    SearchResult
        The optimum, and the trials that it was found by.

    Raises
    ------
    InputError
        Naming all that is wrong with the arguments, before anything is written.
    KeyboardInterrupt
        After Ctrl-C or SIGTERM; every finished trial is kept.

    Examples
    --------
    >>> import sweep
    >>> found = sweep.find_optimum("resnet18", n_trials=24, address="none")  # doctest: +SKIP
    >>> found.optimum.lr, found.optimum.weight_decay  # doctest: +SKIP
    """

def read_trials(
    folder: str | os.PathLike[str] = "sweeps",
    *,
    model: str | Iterable[str] = (),
    optimizer: str | Iterable[str] = (),
    recipe: str | None = None,
    sweep: str | Iterable[str] = (),
    source: str | Iterable[str] = (),
    column: str | Iterable[str] = (),
    constant: str | Iterable[str] = (),
    over: str = "",
    higher_better: bool | None = None,
    unit: str | None = None,
    bounds: str | None = None,
    accuracy: bool | None = None,
    fraction: bool | None = None,
    nan: str | None = None,
    optimum: str | Iterable[str] = (),
    metric: str | None = None,
) -> pd.DataFrame:
    """Read the trials of a folder's sweeps, or those that another tool ran, as `sweep export` does.

    Parameters
    ----------
    folder : Path, default sweeps
        Folder of sweeps and searches.
    model : sequence of str, optional
        Only this model.
    optimizer : sequence of str, optional
        Only this optimizer.
    recipe : str, optional
        Only this recipe.
    sweep : sequence of str, optional
        Only this sweep, by a beginning of its name.
    source : sequence of str, optional
        Instead of ``folder``: a .csv, .parquet or .jsonl table, a pycls sweep.json, a Ray Tune result folder,
        optuna:STORAGE::STUDY (or sqlite:///FILE.db::STUDY), mlflow:EXPERIMENT, or a folder of MLflow
        (mlruns), W&B (wandb) or timm's train.py.
    column : sequence of str, optional
        Which column of theirs is top1_err, lr, weight_decay, model, …
    constant : sequence of str, optional
        What is the same for all their trials, such as model=resnet50.
    over : str, default
        Which of their columns are hyperparameters too, such as momentum,beta2. Default: all that look so.
    higher_better : bool, optional
        What is better of that metric.
    unit : str, optional
        Its unit, such as nats.
    bounds : str, optional
        Its least and greatest value, such as 0:1. A diverged trial counts as the worse one; without it, as
        worse than everything.
    accuracy : bool, optional
        What their metric is.
    fraction : bool, optional
        How their metric is written.
    nan : str, optional
        What their trials without a finite metric are: diverged (a result, 100 %) or failed (none).
    optimum : sequence of str, optional
        Which trial is the optimum, the zero of Δ. With model=…, of that model only.
    metric : str, optional
        What trials are judged by instead of the top-1 error: top5_err or val_loss; with ``source`` any of
        their columns, such as F1.

    Returns
    -------
    pandas.DataFrame
        One row a trial, with the columns of `sweep export`, and each model's family and panel:
        ``analysis.read_sweeps`` takes it.

    Raises
    ------
    InputError
        If no trial is left, or one from elsewhere cannot be read or understood.

    Examples
    --------
    >>> import sweep
    >>> trials = sweep.read_trials("sweeps", model="vit_c_1mf")  # doctest: +SKIP
    >>> trials = sweep.read_trials(source="results.csv", optimum="lr=1e-3,wd=0.1")  # doctest: +SKIP
    """
