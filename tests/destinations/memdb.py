"""CloudQuery's own MemDB, served by its SDK; run by the interpreter of an environment that has it."""

import sys

from cloudquery.sdk.internal.memdb.memdb import MemDB
from cloudquery.sdk.serve import PluginCommand


class Kept(MemDB):  # type: ignore[misc]
    """Keeps its rows when a client says goodbye, so that they can be looked at."""

    def close(self) -> None:
        pass


PluginCommand(Kept()).run(["serve", "--address", sys.argv[1]])
