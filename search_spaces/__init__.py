"""Search spaces: known optima, boxes around them, and designs. Needs numpy and scipy.stats.qmc only."""

from search_spaces.box import Box, around, paper, searched
from search_spaces.design import DESIGNS, grid_side, relative_points
from search_spaces.errors import SearchSpaceError
from search_spaces.found_optima import Found, choose_found, read_found, to_csv, with_row
from search_spaces.hyperparameter import FIRST, SCALES, Hyperparameter, Value
from search_spaces.optima import Optimum, find, find_for, optima
from search_spaces.space_text import Wanted, read_over

__all__ = [
    "DESIGNS",
    "FIRST",
    "SCALES",
    "Box",
    "Found",
    "Hyperparameter",
    "Optimum",
    "SearchSpaceError",
    "Value",
    "Wanted",
    "around",
    "choose_found",
    "find",
    "find_for",
    "grid_side",
    "optima",
    "paper",
    "read_found",
    "read_over",
    "relative_points",
    "searched",
    "to_csv",
    "with_row",
]
