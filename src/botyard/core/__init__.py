"""What every kind of bot needs."""
