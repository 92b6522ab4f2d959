"""Where checkpoints are stored: in a folder, or in an S3 bucket."""
