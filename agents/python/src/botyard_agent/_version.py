"""The version of this library, as the server is told it."""

__version__ = "0.1.0"
