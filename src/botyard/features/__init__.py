"""What one kind of bot needs; features do not know each other."""
