"""The catalog: everything that sources declare and that Headwater loads, joined up, and published."""
