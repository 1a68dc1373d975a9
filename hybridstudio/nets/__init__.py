"""Networks only: no training, no sampling, no files."""
