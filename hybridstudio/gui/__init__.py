"""The window: Qt only. Neither torch nor the engine is imported at module level here."""
