"""Transitions between the statuses of a render: all of them are ways on, none leads out of an end."""

from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.status import ENDED, STATUSES, TRANSITIONS, WAITING, Transition
from tests.support.rows import accept

WAYS = {
    "start": lambda database, key: database.start(key, [4]),
    "finish": lambda database, key: database.finish(key),
    "fail": lambda database, key: database.fail(key, "internal", "why"),
    "cancel": lambda database, key: database.cancel(key),
    "restart": lambda database, key: database.reassign(key, "", "2"),
}


def test_every_status_waits_or_has_ended() -> None:
    assert (*WAITING, *ENDED) == STATUSES
    assert set(TRANSITIONS.values()) == set(STATUSES)
    assert WAYS.keys() == TRANSITIONS.keys()


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_leads_from_every_waiting_status_and_from_no_end(name: Transition, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    for before in (None, *TRANSITIONS):
        key = accept(database)
        if before:
            assert WAYS[before](database, key)
            if before == "restart":
                database.update(key, version="")
        render = database.get(key)
        assert render
        assert WAYS[name](database, key) == (render.status in WAITING)
        after = database.get(key)
        assert after
        assert after.status == (TRANSITIONS[name] if render.status in WAITING else render.status)
        assert (after.finished is not None) == (after.status in ENDED)
    database.close()
