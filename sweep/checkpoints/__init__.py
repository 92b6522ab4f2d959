"""Where checkpoints lie: a folder, or an S3 store."""
