"""Who sends the page what no page sends gets one line in the log; who goes away leaves room for the others."""

import contextlib
import gc
import json
import pathlib
import socket
import time
import urllib.error
import warnings

import pytest
import web_toys as toys
from gradio import utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_visitors import JOIN, RUN, Page, Visitor

from serving.web import application, asked, gate, layout
from serving.web.clicks import Clicks


class Slow(toys.Model):
    """Paints when it is let."""

    def __init__(self):
        super().__init__()
        self.seconds = 0.0

    def __call__(self, *args):
        time.sleep(self.seconds)
        return super().__call__(*args)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        patch.setattr(gate, "PATIENCE", 1.0)
        for name in application.DOWNLOADS:  # put back afterwards
            patch.setattr(application.processing_utils, name, None)
        model = Slow()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            app = application.build(Clicks(model, 32, tmp_path_factory.mktemp("people")))
            gc.collect()  # gradio leaves the event loops open that it builds the page with
        made = Page(model, app)
        yield made
        made.server.should_exit = True
        made.thread.join(30)
        made.socket.close()
        assert not made.thread.is_alive()


@pytest.fixture
def person(page, tmp_path):
    return page.person(tmp_path)


def waits_until(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_click_is_answered_through_its_stream(page, person):
    assert page.turn("me", *person)[0] == 200
    assert "data:image/gif" in page.get("/gradio_api/queue/data?session_hash=me")


def test_clicks_that_nobody_listens_for_leave_the_queue_within_seconds(page, person):
    page.model.seconds = 0.3
    try:
        for k in range(16):
            assert page.turn(f"away{k}", *person)[0] == 200
        assert len(page.queue) >= 15
        waits_until(lambda: len(page.queue) == 0)
        assert page.turn("here", *person)[0] == 200
        with page.stream("here"):
            time.sleep(2.5)
            assert any(event.alive for job in page.queue.active_jobs for event in job or ())
        waits_until(lambda: not any(page.queue.active_jobs))
    finally:
        page.model.seconds = 0.0


def test_one_session_has_a_few_places_of_the_queue(page, person):
    page.model.seconds = 0.3
    try:
        answers = [page.turn("greedy", *person) for _ in range(8)]
        assert [status for status, _ in answers].count(200) in (gate.MOST_CLICKS, gate.MOST_CLICKS + 1)
        assert "4 clicks of yours are waiting" in answers[-1][1]
        waits_until(lambda: len(page.queue) == 0 and not any(page.queue.active_jobs))
    finally:
        page.model.seconds = 0.0


def forged(page, person):
    """Path, body, status."""
    photo, iuv = person
    event = page.events["photo"]
    whole = {"data": [photo, iuv], "fn_index": event, "session_hash": "me"}
    example = {"data": ["x"], "fn_index": page.events["example"], "session_hash": "me"}
    who = [layout.ONE, photo, iuv, "", None, "", None]
    paint = {"data": [*who, [], None, None, "", False], "fn_index": page.events["paint"], "session_hash": "me"}
    return [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        ({}, 400),
        (whole | {"fn_index": 10**30}, 400),
        (whole | {"fn_index": "0"}, 400),
        (whole | {"fn_index": True}, 400),
        (whole | {"fn_index": None}, 400),
        (whole | {"session_hash": None}, 400),
        (whole | {"session_hash": "../x"}, 400),
        (whole | {"session_hash": "x" * 65}, 400),
        (whole | {"data": None}, 400),
        (whole | {"data": [photo]}, 400),
        (whole | {"data": [photo] * 9}, 400),
        (whole | {"data": [7, iuv]}, 400),
        (whole | {"data": [{}, iuv]}, 400),
        (whole | {"data": ["x", iuv]}, 400),
        (whole | {"data": [photo | {"path": None}, iuv]}, 400),
        (whole | {"data": [photo | {"path": "serving/README.md"}, iuv]}, 400),
        (whole | {"data": [photo | {"path": "\0"}, iuv]}, 400),
        (whole | {"data": [photo | {"path": "\ud800"}, iuv]}, 400),
        (whole | {"data": [photo | {"path": "x" * 9999}, iuv]}, 400),
        (whole | {"data": [photo | {"path": photo["path"] + "/../../../x"}, iuv]}, 400),
        (whole | {"data": [photo | {"orig_name": 7}, iuv]}, 400),
        (example, 400),
        (example | {"data": [None]}, 400),
        (example | {"data": [{"path": "/etc/hostname"}]}, 400),
        (paint | {"data": [*who, None, None, None, "", False]}, 400),
        (paint | {"data": [*who, ["Front"] * 99, None, None, "", False]}, 400),
        (paint | {"data": [*who, [["Front"]], None, None, "", False]}, 400),
        (paint | {"data": [photo, iuv, "w" * 9999, [], None, None, "", False]}, 400),
        (paint | {"data": [*who, [], [None] * 999, None, "", False]}, 400),
        (paint | {"data": [*who, [], photo, None, "", False]}, 400),
        (paint | {"data": [*who, [], None, None, "", 1]}, 400),
        (paint | {"data": [*who, [], None, None, "", None]}, 400),
        (paint | {"data": ["Nobody", *who[1:], [], None, None, "", False]}, 400),
        (paint | {"data": [*who[:-1], {"path": "/etc/hostname"}, [], None, None, "", False]}, 400),
        (b'{"data": [' + b"0," * 600_000 + b"0]}", 413),
    ]


def test_a_forged_request_is_one_line_and_names_no_place_of_this_machine(page, person, caplog, capfd):
    for path in (RUN, JOIN, "/gradio_api/run/photo"):
        for body, expected in forged(page, person):
            caplog.clear()
            status, said = page.post(path, body)
            assert status == expected, (body, said)
            assert len(caplog.records) == 1 and caplog.records[0].exc_info is None
            assert len(said) < 500 and not any(
                word in said + caplog.text for word in (toys.SERVING.parts[1] + "/", "Traceback")
            )
    assert capfd.readouterr() == ("", "")


POSTED = ("vibe-edit", "stream/x", "component_server", "login", "call/photo", "reset", "api/photo", "file=x", "../")
GOT = (
    "proxy=http://example.com",
    "call/x/y",
    "runs",
    "x" * 2000,
    "file=%00",
    "vibe-code",
    "heartbeat/a%2Fb",
    "../docs",
)


@pytest.mark.parametrize("path", POSTED)
def test_what_the_page_never_posts_to_is_not_there(page, path, caplog):
    assert page.post(f"/gradio_api/{path}", {"event_id": "x", "data": []})[0] == 404
    assert len(caplog.records) == 1


@pytest.mark.parametrize("path", GOT)
def test_what_the_page_never_gets_is_not_there(page, path, caplog):
    with pytest.raises(urllib.error.HTTPError) as error:
        page.get(f"/gradio_api/{path}")
    with error.value as answer:
        assert answer.code in (404, 414)
    assert len(caplog.records) == 1


def test_an_upload_says_how_long_it_is_and_is_not_too_long(page):
    address = page.socket.getsockname()
    for header, status in ((f"Content-Length: {10**9}", 413), ("Transfer-Encoding: chunked", 411)):
        with socket.create_connection(address, timeout=30) as sent:
            sent.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
            assert f" {status} ".encode() in sent.recv(1000)


def test_an_upload_of_a_form_without_end_is_refused(page):
    header = f"Content-Length: 9\r\nContent-Type: multipart/form-data; boundary={'B' * 5000}"
    with socket.create_connection(page.socket.getsockname(), timeout=30) as sent:
        sent.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
        assert b" 400 " in sent.recv(1000)


def test_nothing_is_left_of_an_upload_that_breaks_off(page):
    folder = pathlib.Path(utils.get_upload_folder())
    before = set(folder.iterdir())
    kind = "Content-Length: 5000000\r\nContent-Type: multipart/form-data; boundary=B"
    part = '--B\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    with socket.create_connection(page.socket.getsockname(), timeout=30) as sent:
        sent.sendall(f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n{part}".encode() + bytes(10**6))
        waits_until(lambda: set(folder.iterdir()) > before)
    waits_until(lambda: set(folder.iterdir()) == before)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["path", "orig_name", "meta", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-1, 60), st.lists(values, max_size=8), st.just("me") | values)
def test_any_request_is_written_anew_as_the_page_would_or_refused(page, number, data, session):
    fitting = page.app._page.fns.get(number)
    if fitting and len(data) > len(fitting.inputs):
        data = data[: len(fitting.inputs)]
    with contextlib.suppress(asked.Forged):
        body, who = asked.event(
            json.dumps({"fn_index": number, "data": data, "session_hash": session}).encode(), page.app._page
        )
        made = json.loads(body)
        assert who == session and len(made["data"]) == len(fitting.inputs)
        assert '"path"' not in body.decode()


SLOW = """
import time
import posing, web_toys
from dpt_tf.densepose import choosing
from dpt_tf.transfer import painter
from serving.web import __main__ as command

class Slow(web_toys.Model):
    image_size = 32
    def __call__(self, *args):
        time.sleep(1)
        return super().__call__(*args)

choosing.open_estimator = lambda name: posing.ByColour()
painter.load = lambda model: Slow()
command.main()
"""


def test_the_page_ends_in_seconds_however_many_clicks_wait(tmp_path):
    folder = tmp_path / "page"
    folder.mkdir()
    with toys.running("none", folder, SLOW) as (address, log):
        visitor = Visitor(address)
        person = visitor.person(tmp_path)
        assert visitor.post(RUN, {})[0] == 400
        assert [visitor.turn(f"s{k}", *person)[0] for k in range(8)] == [200] * 8
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, port)) as opened:
            opened.sendall(b"GET /gradio_api/queue/data?session_hash=s7 HTTP/1.1\r\nHost: x\r\n\r\n")
            began = time.monotonic()
    assert time.monotonic() - began < 5
    said = log.read_text(encoding="utf-8")  # TensorFlow's greetings before it
    assert said.splitlines()[-1] == "POST /gradio_api/run/predict: there is no such event" and "Traceback" not in said
