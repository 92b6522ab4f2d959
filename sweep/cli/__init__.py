"""The command line: each command parses, builds one request, calls one function and chooses an exit code."""
