"""What the commands print on the terminal: tables, progress, warnings. Nothing is computed here."""
