"""The report: what sweeps show, as one HTML page. Pure: tables in, text out."""

from analysis.report.extras import Extras
from analysis.report.page import report_html

__all__ = ["Extras", "report_html"]
