"""`${ENV}`, `${file:path}` and `${time:…}` in config.yaml, put in after the YAML is read: a value is only a value."""

import os
import re
from pathlib import Path
from typing import Any

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest
from orchestration.times import moment
from orchestration.yaml_values import value_of

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


class Plain(str):
    """A text that was not in quotes: as another program's, a number or a list that is put in for it is one."""

    __slots__ = ()


def substitute(
    value: Any, folder: Path, where: str = "", *, typed: bool = False, unset: list[str] | None = None
) -> Any:
    """The value with every placeholder in it replaced, at any depth. Raises: ConfigError.

    `typed` reads what was put into a text without quotes as YAML does, as for a plugin, whose spec has no model here.
    What has no value is left as it is written, and added to `unset`; without that list it is an error.
    """
    if isinstance(value, str):

        def fill(match: re.Match[str]) -> str:
            name = match[1].strip()
            if unset is None or _is_set(name, folder):
                return _resolve(name, folder, where)
            unset.append(name)
            return match[0]

        filled = PLACEHOLDER.sub(fill, value)
        return _value(filled) if typed and isinstance(value, Plain) else str(filled)
    if isinstance(value, dict):
        return {
            key: substitute(item, folder, f"{where}.{key}" if where else str(key), typed=typed, unset=unset)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            substitute(item, folder, f"{where}[{position}]", typed=typed, unset=unset)
            for position, item in enumerate(value)
        ]
    return value


def _value(text: str) -> Any:
    """The text as YAML reads it, if that is a number, true, false, null, or on one line in brackets or braces."""
    read = value_of(text)
    is_listed = text.startswith(("[", "{")) and "\n" not in text
    return read if is_listed or read is None or isinstance(read, bool | int | float) else text


def _is_set(name: str, folder: Path) -> bool:
    if name.startswith("file:"):
        return (folder / name.removeprefix("file:").strip()).exists()
    return name.startswith("time:") or name in os.environ


def _resolve(name: str, folder: Path, where: str) -> str:
    if name.startswith("time:"):
        return moment(name.removeprefix("time:"))
    if name.startswith("file:"):
        path = folder / name.removeprefix("file:").strip()
        try:
            return path.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(
                f"`{where}` names the file {path}, which cannot be read: {reason}",
                hint="paths are relative to the config file",
            ) from None
    if name not in os.environ:
        raise ConfigError(
            f"`{where}` needs the environment variable {name}, which is not set",
            hint=f"export {name}=… ({nearest(name, sorted(os.environ)) if _is_near(name) else 'then run again'})",
        )
    return os.environ[name]


def _is_near(name: str) -> bool:
    return nearest(name, sorted(os.environ)).startswith("did you mean")
