"""HybridStudio: see inside generative image models."""

__version__ = "0.1.0"
