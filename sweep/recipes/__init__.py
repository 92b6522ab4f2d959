"""Recipes, which define trainings, and the shipped ones as TOML files."""
