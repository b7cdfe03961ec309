"""Destinations besides the warehouse: what changed in it is delivered to them, table by table."""
