"""What is printed: tables, progress, warnings."""
