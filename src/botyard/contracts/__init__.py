"""The published API documents, one package each."""
