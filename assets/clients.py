"""The clients that a source's tables are read with: what their multiplexers give, told apart by id."""

import threading
from typing import Any

from integrations.sdk.errors import DeclarationError
from integrations.sdk.names import first_repeated
from integrations.sdk.schema import Client, Node


class Clients:
    """The clients of each top-level table of one sync; a multiplexer is asked once. Safe from any thread."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Client]] = {}  # by root table, by client id
        self._lock = threading.Lock()

    def of(self, node: Node, client: Client) -> dict[str, Client]:
        """The clients of the table's root, by id. Raises: DeclarationError when there is none, or an id comes twice."""
        root = (node.ancestors() or [node])[-1]
        with self._lock:
            if root.name not in self._found:
                self._found[root.name] = _told_apart(root, list(root.table.clients(client)))
            return self._found[root.name]


def _told_apart(root: Node, found: list[Client]) -> dict[str, Client]:
    ids = [client_id_of(client) for client in found]
    if not found:
        raise DeclarationError(
            f"the multiplexer of `{root.name}` gives no client: there is nothing to read with",
            hint="check that the source's spec names an account",
        )
    if len(found) > 1 and (repeated := first_repeated(ids)) is not None:
        raise DeclarationError(
            f"the multiplexer of `{root.name}` gives two clients with the id {repeated!r}",
            hint="give each client an id of its own: client.derive('account-1')",
        )
    return dict(zip(ids, found, strict=True))


def client_id_of(client: Client) -> str:
    """What tells a client from its siblings: its `id`, which CloudQuery's clients have as a method."""
    found: Any = getattr(client, "id", "")
    return str(found() if callable(found) else found or "")
