"""Square's tables, one a module."""
