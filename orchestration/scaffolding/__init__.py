"""Writing integrations: what `headwater new` makes, from nothing or from an OpenAPI document."""


def title_of(name: str) -> str:
    """A class's name for the integration's.

    >>> title_of("my_shop")
    'MyShop'
    """
    return "".join(part.capitalize() for part in name.split("_"))
