"""Search spaces: known optima, boxes around them, and designs. Needs numpy and scipy.stats.qmc only."""

from search_spaces.box import Box, around, paper, searched
from search_spaces.design import DESIGNS, relative_points
from search_spaces.errors import SearchSpaceError
from search_spaces.found import Found, choose_found, read_found, to_csv, with_row
from search_spaces.optima import Optimum, find, find_for, optima

__all__ = [
    "DESIGNS",
    "Box",
    "Found",
    "Optimum",
    "SearchSpaceError",
    "around",
    "choose_found",
    "find",
    "find_for",
    "optima",
    "paper",
    "read_found",
    "relative_points",
    "searched",
    "to_csv",
    "with_row",
]
