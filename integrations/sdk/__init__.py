"""What an author of an integration imports. Knows neither Dagster, nor DuckDB, nor any vendor.

The names are in `__init__.pyi`. A module is imported when one of its names is: a command that needs none starts sooner.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
