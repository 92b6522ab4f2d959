"""What Typer says of values that are no numbers."""

NO_WHOLE = "Input should be a valid integer"
NO_NUMBER = "Input should be a valid number"
