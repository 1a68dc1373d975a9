"""Data sets by name, as uint8 batches."""
