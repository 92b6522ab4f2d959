"""From requests to checked plans."""
