"""Plans as JSON."""

import dataclasses
import json
from typing import Any

from search_spaces import Box
from sweep.core.keys import contents_hash
from sweep.core.plan import VERSION, Plan, _trials, to_dict
from sweep.core.trial import read_trial
from sweep.errors import DamagedError, InputError
from sweep.recipes.recipe import Recipe


def to_json(plan: Plan) -> str:
    """Write a plan down, with a checksum by which it is known, when it is read, to be as it was written."""
    values = to_dict(plan)
    return json.dumps({"checksum": contents_hash(values)} | values, indent=1, allow_nan=False) + "\n"


def from_json(text: str, origin: str) -> Plan:
    """Read a plan back and check that it is as it was written.

    Where the checksum does not say so, all trials are made from the settings again: that takes 0.1 ms each.

    Raises
    ------
    DamagedError
        If the text is damaged or was changed by hand. ``origin`` is named.
    InputError
        If it is of another version.
    """
    try:
        values = json.loads(text)
        as_written = values.pop("checksum", None) == contents_hash(values)
        version = values.pop("version")
        if version != VERSION:
            raise InputError(f"{origin} is a plan of version {version!r}; this program reads {VERSION}")
        plan = _from_values(values)
        again = plan if as_written else _made_again(plan)
    except InputError as error:
        raise error if origin in str(error) else InputError(f"{origin}: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise DamagedError(f"{origin} is not a plan, or damaged: {type(error).__name__}: {error}") from error
    if again != plan:
        raise DamagedError(
            f"{origin} was changed after it was written: its trials are not those of its settings"
        )
    return again  # its numbers are of the right type: 1 and 1.0 are equal, but not in a key


def _from_values(values: dict[str, Any]) -> Plan:
    values["recipe"] = Recipe(**(values["recipe"] | {"augment": tuple(values["recipe"]["augment"])}))
    values["box"] = Box(**values["box"])
    values["left_out"] = tuple(values.get("left_out", ()))
    values["trials"] = tuple(map(read_trial, values["trials"]))
    return Plan(**values)


def _made_again(plan: Plan) -> Plan:
    again = {(trial.index, trial.repeat) for trial in plan.repeats if min(trial.index, trial.repeat - 1) >= 0}
    return dataclasses.replace(plan, trials=_trials(plan, plan.n, max(plan.seeds, 1), again))
