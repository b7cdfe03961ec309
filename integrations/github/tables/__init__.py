"""GitHub's tables, one a module."""
