"""What stands before the page: only what its own script sends comes in, and who went away waits no longer.

A click joins a queue, and its answer comes through a stream that the session has open. Where it has none for
`PATIENCE` seconds, or where nobody reads what comes through it, its clicks give their places to others. One session
has `MOST_CLICKS` places at most. Whatever is refused, or goes wrong, is one line of the log.
"""

import asyncio
import collections
import contextlib
import logging
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse

from serving.web import asked
from serving.web.asked import Forged

PATIENCE = 5.0  # seconds
MOST_CLICKS = 4  # of a session that wait
_STUCK = 20.0  # seconds in which a stream takes nothing of what there is for it
_SLOW = 20.0  # seconds for a body that is no upload
_LONGEST = 2048  # bytes of an address
_LONGEST_KIND = 256  # and of what an upload is; its boundary has 70 at most
_API = "/gradio_api"
_EVENTS = re.compile(rf"{_API}/(queue/join|run/\w+)/?")
_JOIN, _CANCEL, _UPLOAD, _STREAM = (f"{_API}/{name}" for name in ("queue/join", "cancel", "upload", "queue/data"))
_SHOWN = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?|/(assets|static|svelte)/.+"
    rf"|{_API}/(info|app_id|user|login_check|startup-events|upload_progress|queue/data|theme\.css)/?"
    rf"|{_API}/(heartbeat/[\w-]+|file=.+)"
)

log = logging.getLogger(__name__)


class Gate:
    """The application, with all that comes to it looked at before."""

    def __init__(self, app: Callable, page: gr.Blocks, most_upload: int):
        """`most_upload` bytes in one request, of all its files."""
        self._app, self._page, self._most_upload = app, page, most_upload
        self._open: collections.Counter[str] = collections.Counter()
        self._last_seen: dict[str, float] = {}

    async def __call__(self, scope: Any, receive: Callable, send: Callable) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            watching = asyncio.create_task(self._watch())
            try:
                await self._app(scope, receive, send)
            finally:
                watching.cancel()
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def leave(self) -> None:
        """Has all clicks leave the queue, whoever listens for them, and lets none in."""
        queue = self._page._queue
        queue.close()
        waiting = [event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue]
        for event in waiting + [event for job in queue.active_jobs for event in job or ()]:
            await queue.clean_events(event_id=event._id)

    async def _http(self, scope: Any, receive: Callable, send: Callable) -> None:
        begun = False

        async def answer(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._passed(scope, receive, answer)
        except Exception as error:
            forged = error if isinstance(error, Forged) else None
            what = str(error) if forged else repr(error)
            log.warning("%s %s: %s", scope["method"], scope["path"][:100].encode("unicode_escape").decode(), what[:500])
            if not begun:
                sentence = str(forged) if forged else "the page failed"
                told = JSONResponse({"error": sentence, "detail": sentence}, forged.status if forged else 500)
                await told(scope, receive, send)

    async def _passed(self, scope: Any, receive: Callable, send: Callable) -> None:
        method, path = scope["method"], scope["path"]
        if len(scope.get("raw_path") or path) + len(scope["query_string"]) > _LONGEST or "\0" in path:
            raise Forged("no such address", 414)
        if method == "POST" and path == _UPLOAD:
            told = dict(scope["headers"])
            if len(told.get(b"content-type", b"")) > _LONGEST_KIND:  # or its boundary is looked for without an end
                raise Forged("an upload has no such form")
            length = told.get(b"content-length", b"")
            if not length.isdigit() or len(length) > 18:
                raise Forged("an upload says how long it is", 411)
            if int(length) > self._most_upload:
                raise Forged(f"an upload has {self._most_upload} bytes at most", 413)
            receive = _whole(receive)
        elif method == "POST" and (_EVENTS.fullmatch(path) or path == _CANCEL):
            body, session = (asked.ending if path == _CANCEL else asked.event)(await _body(receive), self._page)
            if path.startswith(_JOIN):
                self._admit(session)
            scope, receive = _replaced(scope, receive, body)
        elif method not in ("GET", "HEAD") or not _SHOWN.fullmatch(path):
            raise Forged("no such address", 404)
        elif path.rstrip("/") == _STREAM:
            session = dict(urllib.parse.parse_qsl(scope["query_string"].decode("latin-1"))).get("session_hash", "")
            with self._streaming(session):
                await self._app(scope, receive, _impatient(send))
            return
        await self._app(scope, receive, send)

    def _admit(self, session: str) -> None:
        """Raises Forged where the session has all of its places."""
        queues = self._page._queue.event_queue_per_concurrency_id.values()
        if sum(event.session_hash == session for queue in queues for event in queue.queue) >= MOST_CLICKS:
            raise Forged(f"{MOST_CLICKS} clicks of yours are waiting; let them be answered first", 503)

    @contextlib.contextmanager
    def _streaming(self, session: str) -> Iterator[None]:
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]
            self._last_seen[session] = time.monotonic()

    async def _watch(self) -> None:
        """Has clicks leave the queue whose session nobody listens for."""
        queue = self._page._queue
        while True:
            await asyncio.sleep(PATIENCE / 5)
            now = time.monotonic()
            self._last_seen = {who: seen for who, seen in self._last_seen.items() if now - seen <= PATIENCE}
            waiting = [event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue]
            running = [event for job in queue.active_jobs for event in job or () if event.alive]
            for event in waiting + running:
                who = event.session_hash
                late = now - max(event.enqueue_time, self._last_seen.get(who, 0)) > PATIENCE
                if late and who not in self._open:
                    await queue.clean_events(session_hash=who)


def _impatient(send: Callable) -> Callable:
    async def sent(message: Any) -> None:
        try:
            await asyncio.wait_for(send(message), _STUCK)
        except TimeoutError:
            raise OSError("nobody reads the stream") from None

    return sent


def _whole(receive: Callable) -> Callable:
    """An upload that breaks off becomes the error after which gradio removes what has come of it."""
    complete = False

    async def received() -> Any:
        nonlocal complete
        message = await receive()
        if message["type"] == "http.disconnect" and not complete:
            raise MultiPartException("the upload broke off")
        complete = not message.get("more_body")
        return message

    return received


async def _body(receive: Callable) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_SLOW):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > asked.MOST_JSON:
                    raise Forged(f"the body has more than {asked.MOST_JSON} bytes", 413)
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise Forged("the body did not come", 408) from None


def _replaced(scope: Any, receive: Callable, body: bytes) -> tuple[Any, Callable]:
    """The same request with another body."""
    kept = [
        pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"content-type", b"transfer-encoding")
    ]
    kept += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return first.pop() if first else await receive()

    return scope | {"headers": kept}, again
