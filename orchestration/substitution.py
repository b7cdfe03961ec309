"""`${ENV}` and `${file:path}` in config.yaml, put in after the YAML is read, so that a value is only a value."""

import os
import re
from pathlib import Path
from typing import Any

from integrations.sdk.errors import ConfigError
from integrations.sdk.names import nearest

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def substitute(value: Any, folder: Path, where: str = "") -> Any:
    """The value with every placeholder in it replaced, at any depth. Raises: ConfigError."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda match: _resolve(match[1].strip(), folder, where), value)
    if isinstance(value, dict):
        return {key: substitute(item, folder, f"{where}.{key}" if where else str(key)) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, folder, f"{where}[{position}]") for position, item in enumerate(value)]
    return value


def _resolve(name: str, folder: Path, where: str) -> str:
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
