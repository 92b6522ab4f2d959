"""The report: what sweeps show, as one HTML page. Pure: tables in, text out."""

from analysis.report.extras import Extras, SweepFacts
from analysis.report.page import report_html

__all__ = ["Extras", "SweepFacts", "report_html"]
