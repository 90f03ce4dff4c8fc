"""Laws of downloading published networks, against a server on this machine."""

import contextlib
import hashlib
import http.server
import re
import socket
import subprocess
import sys
import threading

import pytest
import small_rcnn

from dpt_tf.densepose import rcnn, zoo
from dpt_tf.system.errors import UserError

NAME = "densepose_rcnn_R_50_FPN_s1x"
DATA = bytes(range(256)) * 4096  # a MiB


class Server(http.server.ThreadingHTTPServer):
    """Serves `data` and remembers what was asked; `cuts` are the bytes after which each next answer breaks off."""

    daemon_threads = True

    def __init__(self, data: bytes = DATA, cuts=(), ranges=True, length=True, status=200):
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.cuts, self.ranges, self.length, self.status = data, list(cuts), ranges, length, status
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers for a `Server`."""

    server: Server

    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        server.asked.append((self.path, asked))
        if server.status != 200:
            self.send_error(server.status)
            return
        data, whole = server.data, len(server.data)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and server.ranges else 0
        if start >= whole:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{whole}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if asked and server.ranges else 200)
        if asked and server.ranges:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if server.length:
            self.send_header("Content-Length", str(whole - start))
        self.end_headers()
        cut = server.cuts.pop(0) if server.cuts else None
        self.wfile.write(data[start:][:cut])

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(**options):
    with Server(**options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(server: Server, tmp_path):
    return zoo.fetch(NAME, server.url, tmp_path)


@pytest.fixture(autouse=True)
def no_way_out(monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "DPT_CACHE", "DPT_DENSEPOSE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_a_network_is_downloaded_once_and_its_digest_noted(tmp_path, capfd):
    with serving() as server:
        path = fetch(server, tmp_path)
        assert path.read_bytes() == DATA
        assert fetch(server, tmp_path) == path
        assert server.asked == [(f"/{NAME}/165712039/model_final_162be9.pkl", None)]
    beside = {each.name for each in path.parent.iterdir()} - {".lock"}
    assert beside == {"model_final_162be9.pkl", "model_final_162be9.pkl.sha256"}
    noted = (path.parent / "model_final_162be9.pkl.sha256").read_text()
    assert noted.split()[0] == hashlib.sha256(DATA).hexdigest()
    assert "CC BY-SA 3.0" in capfd.readouterr().err


def test_addresses_are_those_of_the_model_zoo():
    for name, published in zoo.PUBLISHED.items():
        assert re.fullmatch(r"densepose_rcnn_R_(50|101)_FPN_(DL_)?s1x", name)
        assert re.fullmatch(r"model_final_[0-9a-f]{6}\.pkl", published.file)
        assert 60 < published.gps < published.gpsm < 70


def test_address_and_folder_come_from_the_environment(tmp_path, monkeypatch):
    with serving() as server:
        monkeypatch.setenv("DPT_DENSEPOSE_URL", server.url + "/mirror/")
        monkeypatch.setenv("DPT_CACHE", str(tmp_path / "here"))
        path = zoo.fetch(NAME)
        assert path == tmp_path / "here" / "densepose" / NAME / "model_final_162be9.pkl"
        assert server.asked[0][0].startswith(f"/mirror/{NAME}/")


def test_a_download_that_is_cut_goes_on_where_it_ended(tmp_path):
    with serving(cuts=[1000, 5000]) as server:
        assert fetch(server, tmp_path).read_bytes() == DATA
        assert [asked for _, asked in server.asked][:3] == [None, "bytes=1000-", "bytes=6000-"]


def test_a_call_goes_on_where_the_last_one_ended(tmp_path):
    with serving(cuts=[1000, 0]) as server:
        with pytest.raises(UserError, match=r"cut off after 1000 bytes .* try again, it goes on from there"):
            fetch(server, tmp_path)
        path = fetch(server, tmp_path)
        assert path.read_bytes() == DATA
        assert server.asked[2][1] == "bytes=1000-"


def test_a_server_without_ranges_begins_anew(tmp_path):
    with serving(cuts=[1000], ranges=False) as server:
        assert fetch(server, tmp_path).read_bytes() == DATA
        assert server.asked[1][1] == "bytes=1000-"


def test_a_part_that_is_already_the_whole_is_taken(tmp_path):
    part = tmp_path / "densepose" / NAME / "model_final_162be9.pkl.part"
    part.parent.mkdir(parents=True)
    for content in (DATA, DATA + b"more"):
        part.write_bytes(content)
        with serving() as server:
            path = fetch(server, tmp_path)
            assert path.read_bytes() == DATA
        path.unlink()


def test_a_part_of_another_file_is_not_kept(tmp_path):
    part = tmp_path / "densepose" / NAME / "model_final_162be9.pkl.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"another")
    with serving() as server:
        assert fetch(server, tmp_path).read_bytes() == DATA


def test_a_server_that_does_not_say_how_long_the_file_is_is_believed(tmp_path):
    with serving(length=False) as server:
        assert fetch(server, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_refusal_names_the_address_and_where_to_put_the_file(status, tmp_path):
    with serving(status=status) as server, pytest.raises(UserError) as error:
        fetch(server, tmp_path)
    line = str(error.value)
    assert line.startswith(f"{server.url}/{NAME}/")
    assert f"the server says {status}" in line
    assert f"put it at {tmp_path / 'densepose' / NAME / 'model_final_162be9.pkl'}" in line
    assert "\n" not in line


def test_offline_is_one_line_with_the_address_and_where_to_put_the_file(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UserError, match=rf"^{url}/\S+: cannot be reached \(.*; download .* and put it at \S+$"):
            zoo.fetch(NAME, url, tmp_path)


def test_a_name_an_address_or_a_folder_that_cannot_be_is_one_line(tmp_path):
    with pytest.raises(UserError, match="densepose_rcnn_R_101_FPN_DL_s1x"):
        zoo.fetch("densepose_rcnn_R_50")
    with pytest.raises(UserError, match="begins with http"):
        zoo.fetch(NAME, "file:///etc", tmp_path)
    (tmp_path / "densepose").write_text("a file")
    with serving() as server, pytest.raises(UserError, match="a file stands in its place"):
        fetch(server, tmp_path)


def test_a_file_put_there_by_hand_is_taken_and_one_that_changed_is_not(tmp_path):
    path = tmp_path / "densepose" / NAME / "model_final_162be9.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"by hand")
    with serving() as server:
        assert fetch(server, tmp_path) == path
        assert not server.asked
        path.write_bytes(b"changed")
        with pytest.raises(UserError, match="not the one noted beside it; remove both"):
            fetch(server, tmp_path)


def test_a_digest_unlike_the_name_is_a_note_and_an_error_only_where_the_file_is_unreadable(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("DPT_CACHE", str(tmp_path))
    with serving(data=small_rcnn.pickled(small_rcnn.weights())) as server:
        monkeypatch.setenv("DPT_DENSEPOSE_URL", server.url)
        assert rcnn.load(NAME).network.architecture == small_rcnn.TINY
    assert "not as its name says; it is used as it is" in re.sub(r"\s+", " ", capfd.readouterr().err)
    with serving() as server:
        monkeypatch.setenv("DPT_DENSEPOSE_URL", server.url)
        monkeypatch.setenv("DPT_CACHE", str(tmp_path / "other"))
        with pytest.raises(UserError, match=r"neither a pickle nor a zip .* not as its name says; remove it"):
            rcnn.load(NAME)


def test_two_programs_at_once_download_once(tmp_path):
    code = f"from dpt_tf.densepose import zoo; print(zoo.fetch({NAME!r}))"
    with serving() as server:
        environment = {"DPT_CACHE": str(tmp_path), "DPT_DENSEPOSE_URL": server.url, "PYTHONPATH": ":".join(sys.path)}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
        both = [subprocess.Popen([sys.executable, "-c", code], **options) for _ in range(2)]
        answers = [each.communicate(timeout=60) for each in both]
        assert [each.returncode for each in both] == [0, 0], answers
        assert answers[0][0] == answers[1][0]
        assert len(server.asked) == 1
