"""The text of ``--over``: which hyperparameters are swept, over which ranges."""

from typing import NamedTuple

from search_spaces.errors import SearchSpaceError
from search_spaces.hyperparameter import FIRST, SCALES, Hyperparameter, Value

FORM = (
    "It lists lr, weight_decay and others, as NAME=LOW:HIGH, NAME=LOW:HIGH:SCALE or NAME=A|B|C; @VALUE after "
    "it is the value at the optimum."
)


class Wanted(NamedTuple):
    """One hyperparameter as it was asked for."""

    name: str
    scale: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    optimum: str | None
    """None: what is trained without ``--over``."""

    @property
    def searched(self) -> Hyperparameter:
        """The hyperparameter where its optimum is searched.

        Raises
        ------
        SearchSpaceError
            If the range is none.
        """
        return self._with(None)

    def at(self, optimum: Value | None) -> Hyperparameter:
        """Return the hyperparameter; ``optimum`` is its value where the text gives none.

        Raises
        ------
        SearchSpaceError
            If the range or the optimum is none, or no optimum is known.
        """
        given = optimum if self.optimum is None else self._read(self.optimum)
        if given is None:
            raise SearchSpaceError(
                f"{self.name}: its value at the optimum is not known. Say it after an @: "
                f"{self.name}=LOW:HIGH@VALUE"
            )
        return self._with(self._typed(given))

    def _with(self, optimum: Value | None) -> Hyperparameter:
        return Hyperparameter(
            name=self.name,
            scale=self.scale,
            low=self.low,
            high=self.high,
            choices=self.choices,
            optimum=optimum,
        )

    def _read(self, text: str) -> Value:
        return text if self.scale == "choice" else _number(self.name, text)

    def _typed(self, value: Value) -> Value:
        if self.scale == "choice":
            return str(value)
        whole = self.scale == "integer" and not isinstance(value, str) and float(value).is_integer()
        return int(value) if whole else value if isinstance(value, str) else float(value)


def read_over(text: str) -> tuple[list[Wanted], tuple[str, ...]]:
    """Read ``lr,weight_decay,beta2=0.9:0.999:logit``.

    Returns
    -------
    list of Wanted
        Those beside learning rate and weight decay, in alphabetical order: the order in which they are
        given changes nothing.
    tuple of str
        Which of learning rate and weight decay stay at the optimum.

    Raises
    ------
    SearchSpaceError
        Naming everything that cannot be read.

    Examples
    --------
    >>> read_over("lr,beta2=0.9:0.999:logit")[1]
    ('weight_decay',)
    """
    words = [word.strip() for word in text.split(",")]
    names = [word.partition("=")[0].strip() for word in words]
    problems = [f"{name} is named twice" for name in dict.fromkeys(names) if name and names.count(name) > 1]
    wanted = []
    for word in dict.fromkeys(words):
        try:
            each = _read(word)
        except SearchSpaceError as error:
            problems.append(str(error))
        else:
            wanted += [each] if each else []
    if problems:
        raise SearchSpaceError(f"`over`: {'; '.join(problems)}. {FORM}")
    return sorted(wanted), tuple(name for name in FIRST if name not in words)


def _read(word: str) -> Wanted | None:
    """Read one hyperparameter; None of learning rate and weight decay."""
    if word in FIRST:
        return None
    name, equals, rest = word.partition("=")
    name = name.strip()
    if not name:
        raise SearchSpaceError(f"{word[:40]!r} has no name")
    if name in FIRST:
        raise SearchSpaceError(f"{name} has the range of `box`, `box_down` and `box_up`: name it alone")
    if not equals:
        raise SearchSpaceError(f"{word[:40]!r} has no range")
    values, _, optimum = rest.partition("@")
    at = optimum.strip() or None
    if "|" in values:
        return Wanted(name, "choice", None, None, tuple(each.strip() for each in values.split("|")), at)
    parts = [part.strip() for part in values.split(":")]
    if len(parts) not in (2, 3):
        raise SearchSpaceError(f"{name} has the range {values[:40]!r}")
    scale = parts[2] if len(parts) == 3 else "linear"
    if scale not in SCALES:
        raise SearchSpaceError(f"{name}: no scale is called {scale!r}; there are {', '.join(SCALES[:-1])}")
    return Wanted(name, scale, _number(name, parts[0]), _number(name, parts[1]), (), at)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SearchSpaceError(f"{name}: {text[:40]!r} is no number") from None
