"""One module per platform; each registers under the entry point `botyard.platforms`."""
