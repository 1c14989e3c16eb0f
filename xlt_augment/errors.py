"""The error tree of `xlt_augment`. The library raises; only the command line turns an error into one line.

XltError            anything that the caller can mend                        exit code 1
├── UsageError      an option or argument that cannot be used               exit code 2
├── SourceError     a corpus that cannot be read as it is
├── SynonymError    a synonym set that cannot be read, or a word that it lacks
├── VectorError     word vectors or similarity ratings that cannot be read or used
├── ConstraintError synonym or antonym pairs, or a WordNet, that cannot be read
├── TokenizerError  a tokenizer that cannot be had or used
├── DownloadError   a file that could not be fetched whole
├── OutputError     a dataset or file that cannot be written
├── StoreError      a store that cannot be reached, trusted or used
├── ServiceError    a synonym service that cannot be reached, or that refused
├── ClusterError    a cluster that cannot be reached, or whose workers cannot do their part
└── DatasetError    a dataset on disk that is not what its manifest says
"""

from collections.abc import Sequence
from typing import Any


class XltError(Exception):
    """An error that says what was being done, what was found, what was expected and what to do next."""

    exit_code = 1

    def __init__(self, doing: str, *, found: str, expected: str, remedy: str) -> None:
        self.doing, self.found, self.expected, self.remedy = doing, found, expected, remedy
        super().__init__(f"{doing}: found {found}; expected {expected}. {remedy}.")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes with their parts."""
        return _again, (type(self), self.doing, self.found, self.expected, self.remedy)


def _again(kind: type[XltError], doing: str, found: str, expected: str, remedy: str) -> XltError:
    return kind(doing, found=found, expected=expected, remedy=remedy)


class UsageError(XltError):
    """An option or argument that cannot be used."""

    exit_code = 2


class SourceError(XltError):
    """A corpus that cannot be read as it is."""


class SynonymError(XltError):
    """A synonym set that cannot be read, or a word that it lacks."""


class VectorError(XltError):
    """Word vectors or similarity ratings that cannot be read or used."""


class ConstraintError(XltError):
    """Synonym or antonym pairs, or a WordNet, that cannot be read."""


class TokenizerError(XltError):
    """A tokenizer that cannot be had or used."""


class DownloadError(XltError):
    """A file that could not be fetched whole."""


class OutputError(XltError):
    """A dataset or file that cannot be written."""


class ClusterError(XltError):
    """A cluster that cannot be reached, or whose workers cannot do their part."""


class DatasetError(XltError):
    """A dataset on disk that is not what its manifest says."""


class StoreError(XltError):
    """A store that cannot be reached, trusted or used."""


class ServiceError(XltError):
    """A synonym service that cannot be reached, or that refused.

    `status` is that of HTTP, None where there was no answer; the service's log says more under `id`; `close` are words or
    names near the one that is unknown.
    """

    def __init__(
        self, doing: str, *, found: str, expected: str, remedy: str, status: int | None = None, id: str | None = None,
        close: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__(doing, found=found, expected=expected, remedy=remedy)
        self.status, self.id, self.close = status, id, tuple(close)

    def __reduce__(self) -> tuple[Any, ...]:
        more = {"status": self.status, "id": self.id, "close": self.close}
        return _again, (type(self), self.doing, self.found, self.expected, self.remedy), more
