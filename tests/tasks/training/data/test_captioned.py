"""A data set that cannot be read: what the user can mend is bad input, what may pass is tried again by the flow."""

from pathlib import Path

import pytest

from tasks.runfolder.errors import BadInput
from tasks.runfolder.storage import Storage, StorageError
from tasks.training.data.captioned import read_captioned


@pytest.mark.parametrize(("mendable", "raised"), [(True, BadInput), (False, StorageError)])
def test_a_failure_of_storage_is_bad_input_only_where_the_user_can_mend_it(
    mendable: bool, raised: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(storage: Storage, path: str) -> list[str]:
        raise StorageError("the store is away", mendable=mendable, passing=not mendable)

    monkeypatch.setattr(Storage, "list", fails)
    with pytest.raises(raised, match="the store is away"):
        read_captioned(tmp_path)
