"""dbt's Jinja without dbt: what a model refers to, and SQL that stands for what dbt would compile."""

from assets.lineage.jinja.templates import Model, looks_like_jinja, read_model

__all__ = ["Model", "looks_like_jinja", "read_model"]
