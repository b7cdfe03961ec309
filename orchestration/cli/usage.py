"""Mistakes on the command line, in words of our own: what is wrong with which command, and what to type."""

import re
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Any

import typer

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What typer raises for all of them."""

NUMBERS = {"int": "is not a whole number", "float": "is not a number"}


def is_call_for_help(error: Any) -> bool:
    """Whether it only says that a command of several was named without one of them."""
    return error.ctx is not None and error.format_message() == error.ctx.get_help()


def mistake(error: Any, arguments: Sequence[str]) -> ConfigError:
    """The error that a mistake on the command line is."""
    named = takewhile(lambda argument: not argument.startswith("-"), arguments)
    command = error.ctx.command_path if error.ctx else " ".join(["headwater", *islice(named, 1)])
    what, hint = _said(error)
    see = f"see {command} --help"
    if not hint.startswith("did you mean"):
        hint = f"{hint.rstrip('.')}; {see}" if hint else see
    return ConfigError(f"{command}: {what}", hint=hint)


def _said(error: Any) -> tuple[str, str]:
    """What is wrong, and what to do, which may be empty."""
    commands = getattr(error.ctx and error.ctx.command, "commands", None)
    option = getattr(error, "option_name", None)
    if isinstance(error, typer.BadParameter):
        return _of_parameter(error)
    if option and not hasattr(error, "possibilities"):
        return f"`{option}` {'takes no value' if 'not take' in error.message else 'needs a value'}", ""
    if option and commands is not None:
        return f"there is no option `{option}` before the command", "each command has its own, and they follow it"
    if option:
        known = {name for each in error.ctx.command.params for name in each.opts if name.startswith("--")}
        return f"there is no option `{option}`", nearest(option, sorted(known))
    quoted = re.search(r"'(.*?)'", error.message)
    if commands is not None and quoted:
        return f"there is no command `{quoted[1]}`", nearest(quoted[1], sorted(commands))
    extra = re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", error.message)
    return f"it takes no argument `{extra[1]}`" if extra else error.message, ""


def _of_parameter(error: Any) -> tuple[str, str]:
    """What is wrong with the value of an option or of an argument, or that there is none."""
    parameter = error.param
    is_argument = parameter.param_type_name == "argument"
    name = parameter.metavar or parameter.name.upper() if is_argument else f"`{max(parameter.opts, key=len)}`"
    if not error.message:
        return f"{name} is missing", parameter.help or ""
    said = str(error.message).removeprefix("Value error, ").rstrip(".")
    for kind, words in NUMBERS.items():
        if said.startswith(f"Input should be a valid {kind}") or said.endswith(f"is not a valid {kind}"):
            return f"{name} {words}", ""
    return f"{name}: " + re.sub(r"'(\w+)'", r"`\1`", said), ""
