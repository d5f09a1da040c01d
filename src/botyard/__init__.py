"""Botyard: one self-hosted server for bots of every kind."""

__version__ = "0.1.0"
