"""What contracts and dashboard share about HTTP."""
