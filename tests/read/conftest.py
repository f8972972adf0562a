"""What the tests of reading share: datasets in an object store."""

from __future__ import annotations

import pytest

from digit_sequence.read.dataset import open_dataset
from digit_sequence.store.storage import Storage
from servers import BUCKET


@pytest.fixture
def store(object_store, monkeypatch):
    """Return the object store that tests run on loopback, in reach of this process."""
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    return object_store


@pytest.fixture
def remote(store, built, request):
    """Return a function that copies a dataset to the store and gives its URI."""

    def upload(container):
        folder = built(container=container)
        uri = f"s3://{BUCKET}/read-{container}-{abs(hash(request.node.name))}"
        storage = Storage(uri)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
        return uri, open_dataset(folder)

    return upload
