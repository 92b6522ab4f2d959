"""Models across recipes: how good and how sensitive each is, one setting for all, who is near the best."""

from analysis.across.common_points import CommonPoint, common_point
from analysis.across.contenders import Contender, Lineup, line_up
from analysis.across.plane import Standing, standing
from analysis.across.profile import Profile, Profiles, performance_profiles
from analysis.across.recipes import Across, Entry, across_table, read_across
from analysis.across.words import headlines

__all__ = [
    "Across",
    "CommonPoint",
    "Contender",
    "Entry",
    "Lineup",
    "Profile",
    "Profiles",
    "Standing",
    "across_table",
    "common_point",
    "headlines",
    "line_up",
    "performance_profiles",
    "read_across",
    "standing",
]
