"""The command line: Typer commands that build one request, call one function and choose an exit code."""
