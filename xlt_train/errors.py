"""The error tree of `xlt_train`. The library raises; only the command line turns an error into one line.

XltError            anything that the caller can mend                        exit code 1
├── UsageError      an option or argument that cannot be used               exit code 2
├── DatasetError    a training set that is not what its manifest says, or lacks what was asked for
├── ExamplesError   a development or test file that cannot be read as it is
├── ModelError      a model that cannot be had, or does not fit the data
├── RunError        a run folder that is in the way, damaged, or cannot be written
├── AlignerError    a program that was to align words, and failed or wrote no alignment
├── TableError      a table of distances or of published numbers that cannot be read as it is
├── StatisticsError results that cannot be compared, or numbers of which a statistic cannot be taken
└── ReportError     a table, figure or page that cannot be made of the values given
"""


class XltError(Exception):
    """An error that says what was being done, what was found, what was expected and what to do next."""

    exit_code = 1

    def __init__(self, doing: str, *, found: str, expected: str, remedy: str) -> None:
        self.doing, self.found, self.expected, self.remedy = doing, found, expected, remedy
        super().__init__(f"{doing}: found {found}; expected {expected}. {remedy}.")


class UsageError(XltError):
    """An option or argument that cannot be used."""

    exit_code = 2


class DatasetError(XltError):
    """A training set that is not what its manifest says, or lacks what was asked for."""


class ExamplesError(XltError):
    """A development or test file that cannot be read as it is."""


class ModelError(XltError):
    """A model that cannot be had, or does not fit the data."""


class RunError(XltError):
    """A run folder that is in the way, damaged, or cannot be written."""


class AlignerError(XltError):
    """A program that was to align words, and failed or wrote no alignment."""


class TableError(XltError):
    """A table of distances or of published numbers that cannot be read as it is."""


class StatisticsError(XltError):
    """Results that cannot be compared, or numbers of which a statistic cannot be taken."""


class ReportError(XltError):
    """A table, figure or page that cannot be made of the values given."""
