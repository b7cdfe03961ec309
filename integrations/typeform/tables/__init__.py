"""Typeform's tables, one a module."""
