"""A sweep from Python: train, look at the trials, compare. Takes about a minute on two cores.

Run it with ``python examples/from_python.py``. The same script again trains nothing: all results are there.
"""

import analysis
import sweep
from sweep.console.observer import console_observer

MODELS = ["vit_p_1mf", "vit_c_1mf"]


def main(folder: str = "sweeps", n: int = 4, epochs: int = 2) -> str:
    """Sweep two models, and say which is better in words."""
    result = sweep.run_sweep(
        MODELS, n=n, epochs=epochs, address="none", folder=folder, observer=console_observer()
    )
    print(result.trials[["model", "role", "lr", "weight_decay", "top1_err"]].to_string(index=False))
    if result.missing:
        raise SystemExit(f"{len(result.missing)} trials have no result")
    trials = sweep.read_trials(folder)  # as other scripts would read them
    (pair,) = analysis.compare(analysis.read_sweeps(trials))
    return "\n".join(analysis.sentences(pair))


if __name__ == "__main__":
    print(main())
