"""Superset's tables, one a module."""
