"""What a training is, as TOML files."""
