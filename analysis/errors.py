"""The error raised for input that the user can correct."""


class AnalysisError(ValueError):
    """Input that cannot be analysed. The message gives the rule, what was received and a remedy."""
