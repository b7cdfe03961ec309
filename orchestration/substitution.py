"""`${ENV}`, `${file:path}` and `${time:…}` in config.yaml, put in after the YAML is read: a value is only a value."""

import os
import re
from pathlib import Path
from typing import Any

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest
from orchestration.times import moment
from orchestration.yaml_values import value_of

PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")
VARIABLE = re.compile(r"[A-Za-z_]\w*")


class Plain(str):
    """A text that was not in quotes: as another program's, a number or a list that is put in for it is one."""

    __slots__ = ()


def substitute(
    value: Any, folder: Path, where: str = "", *, typed: bool = False, unset: list[str] | None = None
) -> Any:
    """The value with every placeholder in it replaced, at any depth, keys as well. Raises: ConfigError.

    `typed` reads what was put into a text without quotes as YAML does, as for a plugin, whose spec has no model here.
    What has no value is left as it is written, and added to `unset`; without that list it is an error.
    """
    if isinstance(value, str):
        filled = _filled(value, folder, where, unset)
        return _value(filled, is_of_file="${file:" in value) if typed and isinstance(value, Plain) else str(filled)
    if isinstance(value, dict):
        named = {_filled(key, folder, where, unset): item for key, item in value.items()}
        return {
            key: substitute(item, folder, f"{where}.{key}" if where else key, typed=typed, unset=unset)
            for key, item in named.items()
        }
    if isinstance(value, list):
        return [
            substitute(item, folder, f"{where}[{position}]", typed=typed, unset=unset)
            for position, item in enumerate(value)
        ]
    return value


def _filled(text: str, folder: Path, where: str, unset: list[str] | None) -> str:
    """The text with its placeholders replaced; those in a file's content as well, but for further files."""

    def fill(match: re.Match[str]) -> str:
        name = match[1].strip()
        if unset is not None and not _is_set(name, folder):
            unset.append(name)
            return match[0]
        if not name.startswith("file:"):
            return _resolve(name, where)
        content = _content(folder / name.removeprefix("file:").strip(), where)
        return PLACEHOLDER.sub(lambda inner: inner[0] if inner[1].startswith("file:") else fill(inner), content)

    return PLACEHOLDER.sub(fill, text)


def _value(text: str, *, is_of_file: bool) -> Any:
    """The text as YAML reads it, if that is a number, true, false, null, or a list or object.

    Those are in brackets or braces, or begin on a new line; a file's are on one line.
    """
    read = value_of(text)
    if isinstance(read, dict | list):
        return read if text.startswith(("[", "{", "\n")) and not (is_of_file and "\n" in text) else text
    return text if isinstance(read, str) else read


def _is_set(name: str, folder: Path) -> bool:
    if name.startswith("file:"):
        return (folder / name.removeprefix("file:").strip()).exists()
    return name.startswith("time:") or name in os.environ


def text_of(path: Path, what: str, *, hint: str) -> str:
    """What a file holds. Raises: ConfigError, which says `what` cannot be read, and why."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{what} cannot be read: {reason}", hint=hint) from None


def _content(path: Path, where: str) -> str:
    what = f"`{where}` names the file {path}, which"
    return text_of(path, what, hint="paths are relative to the config file").rstrip("\n")


def _resolve(name: str, where: str) -> str:
    if name.startswith("time:"):
        try:
            return moment(name.removeprefix("time:"))
        except ConfigError as error:
            raise ConfigError(f"`{where}`: {error.what}", hint=error.hint) from None
    if name not in os.environ:
        raise ConfigError(f"`{where}` needs the environment variable {name}, which is not set", hint=_set_it(name))
    return os.environ[name]


def _set_it(name: str) -> str:
    plain = VARIABLE.match(name)
    if plain and plain[0] != name:
        return f"a placeholder has no default: write ${{{plain[0]}}}, and set the variable"
    return f"export {name}=… ({nearest(name, sorted(os.environ)) if _is_near(name) else 'then run again'})"


def _is_near(name: str) -> bool:
    return nearest(name, sorted(os.environ)).startswith("did you mean")
