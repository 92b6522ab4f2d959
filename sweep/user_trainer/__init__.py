"""User-defined training functions: contract, loading, running."""
