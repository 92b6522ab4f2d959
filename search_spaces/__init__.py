"""Where to look: optima, boxes around them, and designs. Pure: numpy and scipy.stats.qmc only."""

from search_spaces.box import Box, around, paper
from search_spaces.design import DESIGNS, relative_points
from search_spaces.errors import SearchSpaceError
from search_spaces.optima import Optimum, find, optima

__all__ = [
    "DESIGNS",
    "Box",
    "Optimum",
    "SearchSpaceError",
    "around",
    "find",
    "optima",
    "paper",
    "relative_points",
]
