"""What YAML's plain words stand for in config.yaml: as CloudQuery's command line reads them, the values of JSON.

A date is a text, and so is 12:30:00, which Python's reader takes for a number of seconds; 1e3, 08 and y, which it
takes for texts, are two numbers and true. Keys are texts.
"""

import base64
import binascii
import math
import re
from typing import Any

import yaml

TEXT = "tag:yaml.org,2002:str"
FLAGS = {None: "null", True: "true", False: "false"}
FLOAT = re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9][0-9_]*)?$")
OCTAL = re.compile(r"[-+]?0o[0-7_]+$")
LETTER = re.compile(r"[yYnN]$")
LARGEST_WHOLE = 1e21  # from here on JSON is written with an exponent


class Loader(yaml.SafeLoader):
    """Reads documents whose values another program can be sent as JSON."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping; what is a number, a flag or null as a key is text."""
        self.flatten_mapping(node)
        node.value = [(self._text(key), value) for key, value in node.value]
        return super().construct_mapping(node, deep=deep)

    def _text(self, key: yaml.Node) -> yaml.Node:
        if not isinstance(key, yaml.ScalarNode) or key.tag == TEXT:
            return key
        value = key.value if LETTER.match(key.value) else self.construct_object(key)
        said = FLAGS[value] if value is None or isinstance(value, bool) else str(value)
        return yaml.ScalarNode(TEXT, said, key.start_mark, key.end_mark)

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> Any:
        """True or false; a single letter as well."""
        return node.value in "yY" if LETTER.match(node.value) else super().construct_yaml_bool(node)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        """The number; the text where it is written with colons."""
        if OCTAL.match(node.value):
            return int(node.value.replace("_", ""), 8)
        return node.value if ":" in node.value else super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        """The number, without a fraction where it has none; the text where it is written with colons, or too large."""
        if ":" in node.value:
            return node.value
        number = super().construct_yaml_float(node)
        if not math.isfinite(number):
            if FLOAT.match(node.value):
                return node.value
            raise yaml.constructor.ConstructorError(None, None, "JSON has no such number", node.start_mark)
        return int(number) if number.is_integer() and abs(number) < LARGEST_WHOLE else number

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        """The date, as it is written."""
        return node.value

    def construct_yaml_binary(self, node: yaml.ScalarNode) -> Any:
        """The text that is in Base64."""
        try:
            return base64.b64decode(node.value).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            raise yaml.constructor.ConstructorError(None, None, "this is no text in Base64", node.start_mark) from None


READ_AS = {
    **{name: name for name in ("bool", "int", "float", "timestamp", "binary")},
    "set": "map",
    "omap": "seq",
    "pairs": "seq",
    "value": "str",
    "merge": "str",
}
for _tag, _type in READ_AS.items():
    Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", getattr(Loader, f"construct_yaml_{_type}"))
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", LETTER, [*"yYnN"])
Loader.add_implicit_resolver("tag:yaml.org,2002:int", OCTAL, [*"-+0"])
Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, [*"-+.0123456789"])


def why_not_yaml(error: yaml.YAMLError) -> str:
    """What is wrong and where, in a line; the lines that PyYAML shows of the text are left out."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    what = ", ".join(said for said in (error.context, error.problem) if said)
    return f"{what} (line {error.problem_mark.line + 1}, column {error.problem_mark.column + 1})"


def value_of(text: str) -> Any:
    """What a text stands for; the text itself where it is no YAML.

    >>> value_of("5"), value_of("2025-01-31"), value_of("12:30:00"), value_of("[a, 1]"), value_of("a: b: c")
    (5, '2025-01-31', '12:30:00', ['a', 1], 'a: b: c')
    """
    try:
        return yaml.load(text, Loader)  # noqa: S506 - a kind of PyYAML's safe loader
    except yaml.YAMLError:
        return text
