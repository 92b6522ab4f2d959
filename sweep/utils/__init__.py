"""Small helpers: atomic files, database URLs, the CPU's instruction set, text."""
