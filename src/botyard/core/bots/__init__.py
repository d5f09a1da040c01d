"""The registry of bots of every kind."""
