"""Publishing on social platforms: the port, the platforms, and what their calls cost."""
