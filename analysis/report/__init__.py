"""The report on sweeps as one HTML page. It takes tables and returns text, without side effects."""

from analysis.report.extras import Extras, Progress, SweepFacts
from analysis.report.page import report_html

__all__ = ["Extras", "Progress", "SweepFacts", "report_html"]
