"""What is wrong with the values of a model, in words of our own: pydantic's are for programmers."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from integrations.sdk.names import nearest

WHOLE, NUMBER = "must be a whole number", "must be a number"
FLAG, LIST, MAPPING = "must be true or false", "must be a list", "must be a mapping of names to values"
SAID = {
    "bool_parsing": FLAG,
    "bool_type": FLAG,
    "dict_type": MAPPING,
    "finite_number": NUMBER,
    "float_parsing": NUMBER,
    "float_type": NUMBER,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": WHOLE,
    "int_type": WHOLE,
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": LIST,
    "mapping": MAPPING,
    "missing": "is missing",
    "model_type": MAPPING,
    "string_pattern_mismatch": "does not fit the pattern {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be a text",
    "tag": "must be a version, such as v1.0.0",
    "tuple_type": LIST,
}
"""By pydantic's type of error."""


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """What is wrong, field by field, each with a hint, which may be empty. No value is quoted: it may be secret."""
    return [_problem(model, problem) for problem in error.errors(include_url=False, include_input=False)]


def in_one(problems: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """All problems in a line, and what to do about them."""
    if len(problems) == 1:
        return problems[0]
    said = [f"{what} ({hint})" if hint.startswith("did you mean") else what for what, hint in problems]
    hints = [hint for _, hint in problems if hint and not hint.startswith("did you mean")]
    return "; ".join(said), "; ".join(dict.fromkeys(hints))


def written(location: Sequence[str | int]) -> str:
    """Where a value is.

    >>> written(["spec", "tables", 0])
    'spec.tables[0]'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def _problem(model: type[BaseModel], problem: Mapping[str, Any]) -> tuple[str, str]:
    location, kind, context = problem["loc"], problem["type"], problem.get("ctx", {})
    place = written(location)
    if kind == "extra_forbidden":
        fields = _holder(model, location).model_fields
        return f"unknown key `{place}`", nearest(str(location[-1]), [fields[name].alias or name for name in fields])
    if kind == "literal_error":
        return f"`{place}` must be {context['expected'].replace(chr(39), '`')}", ""
    if kind in ("string_too_short", "too_short"):
        least = context["min_length"]
        return f"`{place}` " + ("must not be empty" if least == 1 else f"must have at least {least} in it"), ""
    if kind in SAID:
        return f"`{place}` {SAID[kind].format(**context)}", _about(model, location) if "pattern" in context else ""
    return f"`{place}`: {problem['msg'].removeprefix('Value error, ')}", ""


def _holder(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    """The model that a place is in; keys of a mapping and positions in a list have none of their own."""
    for part in location[:-1]:
        if part in model.model_fields:
            model = _model_in(model.model_fields[str(part)].annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _about(model: type[BaseModel], location: Sequence[str | int]) -> str:
    """What the field is, where its model says so: more than the pattern tells."""
    field = model.model_fields.get(str(location[0]))
    return (field and field.description) or ""
