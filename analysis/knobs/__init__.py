"""Which hyperparameter matters: what each explains, where it is good, and how far its cliffs are."""

from analysis.knobs.cliffs import Cliff
from analysis.knobs.gains import Gain
from analysis.knobs.isolation import Bin
from analysis.knobs.settings import Setting
from analysis.knobs.sweep_knobs import Knob, Knobs, knobs_table, read_knobs
from analysis.knobs.words import among_good, headline, sentences

__all__ = [
    "Bin",
    "Cliff",
    "Gain",
    "Knob",
    "Knobs",
    "Setting",
    "among_good",
    "headline",
    "knobs_table",
    "read_knobs",
    "sentences",
]
