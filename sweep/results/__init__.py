"""From trials to tables, figures and reports."""
