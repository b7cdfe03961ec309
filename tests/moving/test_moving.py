"""Ways of paging that skip nothing, however much a source changes while it is read."""

from tests.engine.helpers import Syncer
from tests.moving.source import served
from tests.moving.ways import SAFE, first_sync_while_moving, parametrize


@parametrize(SAFE)
def test_nothing_is_missed_after_the_next_sync(syncer: Syncer, name: str) -> None:
    """What changed while pages were read comes with the next sync; what did not has come with the first."""
    reading, _ = first_sync_while_moving(syncer, SAFE[name])
    with served(reading.issues):
        outcome = reading.sync()
        assert outcome.record.mode == "incremental"
        assert (reading.missed(), reading.doubled()) == ([], [])
        reading.sync()
        assert (reading.missed(), reading.doubled()) == ([], [])
        if "delete" in SAFE[name].operations:
            assert reading.gone(), "no later sync is told of them"
        reading.sync(full_refresh=True)
        assert (reading.missed(), reading.gone(), reading.doubled()) == ([], [], [])
