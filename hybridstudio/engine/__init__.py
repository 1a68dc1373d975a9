"""How it runs: every request becomes a generator of events."""
