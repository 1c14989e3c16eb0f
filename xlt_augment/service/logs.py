"""The access log and the log of errors, on standard error. Lines that nobody can forge, without queries, tokens or bodies."""

import logging
import sys
from datetime import UTC, datetime

ACCESS, ERROR = "xlt.access", "xlt.error"
LONGEST_PATH = 200  # characters
_access, _error = logging.getLogger(ACCESS), logging.getLogger(ERROR)


def configure(access: bool) -> None:
    """Send both logs, and uvicorn's errors, to standard error. `access`: whether there is a line for each request."""
    for name, form, level in (
        (ACCESS, logging.Formatter("%(message)s"), logging.INFO if access else logging.CRITICAL + 1),
        (ERROR, Indented(), logging.INFO),
        ("uvicorn.error", Indented(), logging.ERROR),  # its warnings are lines of the access log
    ):
        logger, handler = logging.getLogger(name), logging.StreamHandler(sys.stderr)
        handler.setFormatter(form)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def write_access(client: str, method: str, path: str, status: int, sent: int, seconds: float, id: str) -> None:
    """Log one request: `path` without its query, `sent` bytes, `status` 0 where there was no answer."""
    if not _access.isEnabledFor(logging.INFO):
        return
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = f"{now} {plain(client)} {plain(method)} {plain(path)} {status} {sent} {seconds * 1_000:.1f}ms {id}"
    # a record made here spares the search for the caller, which costs as much as the rest
    _access.handle(logging.LogRecord(ACCESS, logging.INFO, "", 0, line, None, None))


def write_error(id: str, error: BaseException) -> None:
    """Log an error nobody foresaw, with its trace, under the id that its answer names."""
    _error.error("%s %s", id, type(error).__name__, exc_info=error)


def plain(text: str) -> str:
    """One field of a line: printable ASCII without blanks, `-` for nothing, at most LONGEST_PATH characters."""
    if len(text) > LONGEST_PATH:
        text = text[: LONGEST_PATH - 3] + "..."
    if text.isascii() and text.isprintable() and " " not in text:
        return text or "-"
    return "".join(
        c if "!" <= c <= "~" else "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "backslashreplace")) for c in text
    )


class Indented(logging.Formatter):
    """Time, level and message; all lines but the first are indented, so that no text of a request passes for another entry."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """ISO 8601, UTC."""
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def format(self, record: logging.LogRecord) -> str:
        """The entry."""
        lines = super().format(record).splitlines()
        return "\n    ".join("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line) for line in lines)
