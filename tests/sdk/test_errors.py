"""Errors: named for what their reader does next, and carrying what that takes."""

import copy
import inspect
import pickle

import pytest

from integrations.sdk import errors
from integrations.sdk.errors import ConfigError, HeadwaterError, LoginRefused, SourceRefused, TablesFailed
from integrations.sdk.redact import register_secret

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, HeadwaterError)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_in_the_tree_at_the_top(error: type) -> None:
    """The drawing at the top of the module is whole, and each class says what it is."""
    assert error.__name__ in (errors.__doc__ or "")
    assert error.__doc__


def test_the_tree_at_the_top_names_nothing_else() -> None:
    """No class that is gone, and each below its parent."""
    by_name = {error.__name__: error for error in CLASSES}
    above: list[tuple[int, str]] = []
    drawn = []
    for line in (errors.__doc__ or "").splitlines():
        if "──" not in line and line.strip() != "HeadwaterError":
            continue
        depth = len(line) - len(line.lstrip(" │├└─"))
        name = line.lstrip(" │├└─").split()[0]
        drawn.append(name)
        above = [(other, parent) for other, parent in above if other < depth]
        if above:
            assert by_name[above[-1][1]] in by_name[name].__mro__
        above.append((depth, name))
    assert sorted(drawn) == sorted(by_name)


def test_exit_codes() -> None:
    """0 done, 1 some tables failed, 2 configuration, 3 authentication, 4 the source's fault."""
    codes = {error.__name__: error.exit_code for error in CLASSES}
    assert codes["DeclarationError"] == codes["UnknownColumn"] == codes["ConfigError"] == 2
    assert codes["LoginRefused"] == 3
    assert {error.exit_code for error in CLASSES if issubclass(error, errors.SourceError)} == {4}
    assert codes["TablesFailed"] == codes["ResolverFailed"] == codes["WarehouseError"] == 1


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({}, ""),
        ({"source": "shop"}, "shop"),
        ({"source": "shop", "table": "orders"}, "shop.orders"),
        ({"source": "shop", "table": "orders", "client": "eu"}, "shop.orders (client eu)"),
    ],
)
def test_the_text_has_place_request_and_hint(where: dict[str, str], place: str) -> None:
    """What, where, on which request, and what to do."""
    error = SourceRefused("the source answers 500", hint="try later", request="GET https://x/", status=500).at(**where)
    assert error.place == place
    prefix = f"{place}: " if place else ""
    assert str(error) == f"{prefix}the source answers 500 [GET https://x/]\n  → try later"


def test_the_first_place_counts() -> None:
    """Who is nearest to the failure knows best."""
    error = HeadwaterError("x").at(table="orders").at(source="shop", table="customers")
    assert error.place == "shop.orders"


def test_every_part_is_redacted() -> None:
    """When it is made, so that nobody has to remember."""
    register_secret("error-secret-1")
    error = HeadwaterError(*["a error-secret-1"], hint="b error-secret-1", request="c error-secret-1")
    error.at(client="d error-secret-1", source="s")
    assert "error-secret-1" not in repr(vars(error)) + str(error) + repr(error) + repr(error.args)


def test_errors_can_be_sent_to_another_process() -> None:
    """With all that they carry."""
    error = LoginRefused("no", hint="h", request="r", status=401).at(source="s")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(twin), twin.status, twin.exit_code) == (str(error), 401, 3)


@pytest.mark.parametrize(
    ("failed", "committed", "code"),
    [
        ([LoginRefused("a")], 0, 3),
        ([LoginRefused("a"), LoginRefused("b")], 0, 3),
        ([LoginRefused("a"), ConfigError("b")], 0, 1),
        ([LoginRefused("a")], 1, 1),
    ],
)
def test_some_failed_tables_are_1_and_one_reason_for_all_is_that_reason(
    failed: list[HeadwaterError], committed: int, code: int
) -> None:
    """When nothing was committed and all failed for one reason, its exit code is the run's."""
    assert TablesFailed("x", failed, committed=committed).exit_code == code
