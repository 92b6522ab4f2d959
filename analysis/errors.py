"""The one error that is the user's to mend."""


class AnalysisError(ValueError):
    """Input that cannot be analysed. The text says the rule, what was received and what would mend it."""
