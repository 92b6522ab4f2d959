"""The report on sweeps as one HTML page. It takes tables and returns text, without side effects."""

from analysis.report.extras import Extras, SweepFacts
from analysis.report.page import report_html

__all__ = ["Extras", "SweepFacts", "report_html"]
