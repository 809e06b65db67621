from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.errors import RequestError
from akma_core.storage import FileStorage
from runners.device import Device
from runners.tasks import WorkerTasks


def test_a_refused_import_does_not_say_where_it_lay(tmp_path: Path) -> None:
    database, storage = Database(f"sqlite:///{tmp_path}/a.sqlite"), FileStorage(tmp_path / "storage")
    tasks = WorkerTasks(database, storage, Device("cpu"), "w", tmp_path / "work")
    storage.put_bytes("imports/a.pkl", b"no network")
    with pytest.raises(RequestError) as caught:
        tasks.import_network({"key": "imports/a.pkl", "name": "a"})
    assert caught.value.code == "bad_network"
    assert caught.value.message.startswith("network.pkl: ")
    assert "/" not in caught.value.message
    database.close()
