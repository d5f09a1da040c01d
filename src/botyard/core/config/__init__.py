"""Settings that change while services run: stored per service, with their history, told to every process."""
