"""Who asks the page past its buttons gets no file of this machine and has it fetch nothing."""

import gc
import urllib.parse
import warnings

import numpy as np
import pytest
import web_toys as toys
from starlette.testclient import TestClient

from serving.web import application, layout
from serving.web.clicks import Clicks


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        for name in application.DOWNLOADS:  # put back afterwards
            patch.setattr(application.processing_utils, name, None)
        clicks = Clicks(toys.Model(), 32, tmp_path_factory.mktemp("people"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            app = application.build(clicks)
            gc.collect()  # gradio leaves the event loops open that it builds the page with
        with TestClient(app, raise_server_exceptions=False) as made:
            yield made


@pytest.fixture
def secret(tmp_path):
    return toys.save(tmp_path / "secret.png", np.full((48, 40, 3), 99, np.uint8)).path


def looked_at(client, path, field="photo"):
    """The answer of the event of a photo that is given, for a file that the request names."""
    events = {event["api_name"]: event["id"] for event in client.get("/config").json()["dependencies"]}
    sent = {"path": str(path), "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}
    data = {"photo": [sent, None], "example": [sent], "photos": [[sent]]}[field]
    asked = {"data": data, "fn_index": events[field], "session_hash": "me"}
    return client.post("/gradio_api/run/predict", json=asked)


def test_an_upload_is_shown(client, secret):
    path = client.post("/gradio_api/upload", files={"files": ("x.png", secret.read_bytes())}).json()[0]
    answer = looked_at(client, path)
    assert answer.status_code == 200 and "data:image/png" in answer.text and "x.png" in answer.text


@pytest.mark.parametrize("field", ["photo", "photos"])
def test_a_file_that_was_not_uploaded_is_not_read(client, secret, field):
    for path in (secret, toys.SERVING.parent / "docs" / "demo.png", "/etc/hostname"):
        answer = looked_at(client, path, field)
        assert answer.status_code == 400 and "was not uploaded" in answer.text and "data:image" not in answer.text


@pytest.mark.parametrize("field", ["photo", "photos"])
def test_an_address_is_not_fetched(client, field):
    answer = looked_at(client, "https://example.com/photo.png", field)
    assert answer.status_code == 400 and "addresses are not fetched" in answer.text


@pytest.mark.parametrize("place", ["/gradio_api/file=", "/file="])
def test_files_of_this_machine_are_not_to_be_had(client, secret, place):
    for path in (secret, toys.SERVING / "web" / "__main__.py", __file__, "/etc/hostname"):
        assert client.get(place + urllib.parse.quote(str(path))).status_code in (403, 404)


def test_an_upload_that_is_too_large_is_refused_on_the_way(client):
    answer = client.post("/gradio_api/upload", files={"files": ("film.pkl", bytes(layout.MOST_BYTES + 1))})
    assert answer.status_code == 413
