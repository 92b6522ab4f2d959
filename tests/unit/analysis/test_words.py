import math

from analysis.intervals import Interval
from analysis.words import negated, number, p_value, percent, points_of


def test_numbers_are_written_with_their_limits():
    nothing = math.nan
    assert percent(Interval(0.876, 0.78, 0.94)) == "88 % (78–94)"
    assert percent(Interval(0.5, nothing, nothing)) == "50 %"
    assert number(Interval(3.84, 3.02, 5.2)) == "3.84 (3.02 to 5.20)"
    assert number(Interval(3.84, nothing, nothing)) == "3.84"
    assert negated(Interval(1.0, -2.0, 3.0)) == (-1.0, -3.0, 2.0)
    assert (p_value(0.0321), p_value(0.5), p_value(1.0), p_value(4.4e-7)) == ("0.032", "0.5", "1", "4e-07")


def test_a_lead_that_would_be_rounded_to_none_is_said_to_be_small():

    nothing = float("nan")
    assert points_of(Interval(0.004, 0.0, 0.02)) == "less than 0.01 points (0.00 to 0.02)"
    assert points_of(Interval(0.004, nothing, nothing)) == "less than 0.01 points"
    assert points_of(Interval(-0.001, -0.1, 0.02)) == "less than 0.01 points (-0.10 to 0.02)"
    assert points_of(Interval(0.0, 0.0, 0.0)) == "0.00 (0.00 to 0.00) points"
    assert points_of(Interval(0.005, nothing, nothing)) == "0.01 points"
