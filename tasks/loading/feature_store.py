"""Cache of text features on disk or in an object store, for later runs with other seeds, sizes or steps.

    folder/<encoder's digest>-<dtype>/<digest of the texts>.safetensors      one file per shard of new texts

A file holds each text's tensors as `<digest of the text>/<name>`, so that a later run, however it is sharded,
finds texts by the files' headers.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from models.protocols import TextEncoder
from tasks.runfolder.storage import Storage, StorageError

Text = TypeVar("Text", bound=str | None)
Structure = dict[str, Tensor]
_LONGEST = 100_000_000  # bytes: safetensors' own limit of a header; other files may begin with any number


def key_of(kind: str, text: str | None) -> str:
    """The key of a text's features; `kind` distinguishes texts from negative texts."""
    data = b"\1" if text is None else b"\0" + text.encode("utf-8", "surrogatepass")
    return sha256(kind.encode() + data).hexdigest()[:32]


class FeatureFolder:
    """The cached features of one encoder in a folder, local or in an object store."""

    def __init__(self, url: str, encoder: str) -> None:
        self._storage = Storage(url)
        self._folder = encoder
        self._lock = threading.Lock()
        self._files: dict[str, str] | None = None
        self._last: tuple[str, dict[str, Tensor]] = ("", {})

    def find(self, keys: Sequence[str]) -> dict[str, Structure]:
        """The cached features among `keys`. Raises StorageError, also for a damaged file."""
        with self._lock:
            if self._files is None:
                self._files = {}
                for path in self._storage.list(self._folder):
                    if path.endswith(".safetensors"):  # other files may be there, too
                        self._files |= dict.fromkeys(self._keys(path), path)
            files = self._files
            located = sorted((files[key], key) for key in keys if key in files)
            return {key: self._structure(path, key) for path, key in located}

    def write(self, features: Mapping[str, Structure]) -> None:
        """Adds features to the cache. Raises StorageError."""
        if not features:
            return
        # Cloned, as safetensors refuses tensors that share memory.
        tensors = {f"{key}/{name}": value.clone() for key, row in features.items() for name, value in row.items()}
        path = f"{self._folder}/{sha256(''.join(sorted(features)).encode()).hexdigest()[:32]}.safetensors"
        self._storage.write(path, save(tensors))
        with self._lock:
            if self._files is not None:
                self._files |= dict.fromkeys(features, path)

    def _keys(self, path: str) -> set[str]:
        with self._storage.open(path) as file:
            try:
                header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), _LONGEST)))
                if not isinstance(header, dict):
                    raise ValueError
            except ValueError:
                raise self._damaged(path) from None
        return {name.split("/")[0] for name in header if name != "__metadata__"}

    def _structure(self, path: str, key: str) -> Structure:
        if self._last[0] != path:
            try:
                self._last = path, load(self._storage.read(path))
            except SafetensorError:
                raise self._damaged(path) from None
        tensors = self._last[1]
        return {name.split("/")[1]: tensors[name].clone() for name in tensors if name.startswith(f"{key}/")}

    def _damaged(self, path: str) -> StorageError:
        return StorageError(f"{self._storage.url(path)}: the cached features are damaged; delete this file.")


@cache
def feature_folder(url: str, encoder: str) -> FeatureFolder:
    """One per process, so that the index of the cache is read once."""
    return FeatureFolder(url, encoder)


def kept_features(url: str | None, encoder: TextEncoder | None) -> FeatureFolder | None:
    """The run's feature cache, or None without one or for an encoder whose features are not worth caching."""
    if url is None or encoder is None or encoder.cache_key is None:
        return None
    return feature_folder(url, encoder.cache_key)


class Recall:
    """Looks up a shard's features; computes those that are not cached and collects them in `computed`."""

    def __init__(self, folder: FeatureFolder | None) -> None:
        self._folder = folder
        self.computed: dict[str, Structure] = {}

    def __call__(
        self, kind: str, texts: Sequence[Text], compute: Callable[[list[Text]], list[Structure]]
    ) -> list[Structure]:
        """The features of each text, in order; `compute` is called once, with the distinct texts not cached."""
        if self._folder is None:
            return compute(list(texts))
        keys = [key_of(kind, text) for text in texts]
        known = {**self._folder.find([key for key in set(keys) if key not in self.computed]), **self.computed}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            new = dict(zip(missing, compute(list(missing.values())), strict=True))
            self.computed |= new
            known |= new
        return [known[key] for key in keys]
