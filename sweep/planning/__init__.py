"""The options of commands, and from requests to checked plans."""
