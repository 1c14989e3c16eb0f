"""Run the service: open what it serves, listen, reload on SIGHUP, end what was begun on SIGTERM or SIGINT."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn

from xlt_augment.errors import UsageError, XltError
from xlt_augment.service.application import create_app
from xlt_augment.service.catalogue import Catalogue
from xlt_augment.service.hosts import Hosts
from xlt_augment.service.logs import configure
from xlt_augment.service.protocol import protocol_for
from xlt_augment.service.settings import Settings
from xlt_augment.service.shelf import Shelf
from xlt_augment.service.state import Service
from xlt_augment.service.tokens import check
from xlt_augment.service.vetoes import VetoLists
from xlt_augment.service.workers import Workers

log = logging.getLogger("xlt.error")
_BACKLOG = 1_024  # connections that wait to be taken
_IDLE = 15  # seconds that a connection is kept without a request


def open_service(settings: Settings) -> Service:
    """Open the sets, the veto lists and the store. Raises XltError for what cannot be opened."""
    shelf = Shelf(settings.sets, settings.store)
    vetoes = None if settings.vetoes is None else VetoLists(settings.vetoes)
    workers = Workers(settings.limits.heavy, settings.limits.waiting)
    catalogue = None if settings.store is None else Catalogue(settings.store)
    return Service(settings=settings, shelf=shelf, workers=workers, vetoes=vetoes, catalogue=catalogue)


def serve(settings: Settings, ready: Callable[[str], object] = lambda address: None) -> None:
    """Serve until a signal ends it. `ready` is called with the address once connections are taken.

    Raises UsageError for settings that must not be, XltError for what cannot be opened, before anything is served.
    """
    check(settings)
    Hosts(settings)  # refuses names that no request can be for
    configure(settings.access_log)
    service = open_service(settings)
    with _listening(settings.host, settings.port) as listener:
        limits = settings.limits
        config = uvicorn.Config(
            create_app(service), http=protocol_for(limits, service.metrics), lifespan="off", log_config=None,
            access_log=False, proxy_headers=False, server_header=False, ws="none", timeout_keep_alive=_IDLE,
            backlog=_BACKLOG, timeout_graceful_shutdown=int(limits.time) + 1,
        )  # fmt: skip
        server = _Server(config, service, lambda: ready(_address(listener)))
        gc.collect()
        gc.freeze()  # what was opened stays: the collector need not look at it again
        gc.enable()
        try:
            server.run(sockets=[listener])
        finally:
            service.workers.close()
            service.store_workers.close()
            if service.vetoes is not None:
                service.vetoes.close()


def _warm(shelf: Shelf) -> None:
    """Load what the first sentence and the first search would wait a second for."""
    from xlt_augment.perturb.explain import explain
    from xlt_augment.perturb.substitute import Substitute
    from xlt_augment.perturb.swap import Swap
    from xlt_augment.service.search import near

    shelved = shelf.get(None)
    for operator in (Substitute(shelved.synonyms), Swap()):
        explain(["A good movie."], operator, m=1)
    near(shelved, "movie", 1)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        raise UsageError(
            f"listening on {host}, port {port}", found=getattr(error, "strerror", None) or str(error),
            expected="an address of this machine and a free port", remedy="Choose another --port, or --port 0 for any",
        ) from error  # fmt: skip
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """Ends without raising the signal again, and reloads on SIGHUP."""

    def __init__(self, config: uvicorn.Config, service: Service, started: Callable[[], object]) -> None:
        super().__init__(config)
        self._service, self._started = service, started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()
            self._warming = asyncio.create_task(self._service.workers.run(_warm, self._service.shelf))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {signal.SIGINT: self.handle_exit, signal.SIGTERM: self.handle_exit, signal.SIGHUP: self._reload}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._service.stopping = True
        super().handle_exit(sig, frame)

    def _reload(self, sig: int, frame: FrameType | None) -> None:
        """In a thread of its own: sets may be large, and requests go on."""
        threading.Thread(target=self._reload_all, name="xlt-reload", daemon=True).start()

    def _reload_all(self) -> None:
        for name in self._service.shelf.names():
            try:
                _, now = self._service.shelf.reload(name)
            except XltError as error:
                log.error("reload %s: %s", name, error)
            except Exception:  # the others are reloaded all the same
                log.exception("reload %s", name)
            else:
                log.info("reloaded %s: sha256 %s", name, now.synonyms.sha256)
