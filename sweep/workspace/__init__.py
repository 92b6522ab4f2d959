"""The folder on disk: plans, journals, locks, and the table of trials that is made of them."""
