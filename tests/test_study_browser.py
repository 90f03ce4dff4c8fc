"""The page of a study in a headless Chromium, answered by workers who err as often as they are told."""

import contextlib
import functools
import http.server
import json
import shutil
import threading

import numpy as np
import pytest

from dpt_tf import study
from dpt_tf.images import display
from dpt_tf.study.writing import kind_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
if BROWSER is None:
    pytest.skip("no browser here: install chromium", allow_module_level=True)

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
EXPOSURE = 0.05

# Answers 120 ms after the picture's end by what `wanted` says of its files, until `stop` answers are given, -1: all.
WORKER = """
([wanted, stop]) => new Promise((done) => {
  let given = 0, last = null;
  const seen = [];
  const timer = setInterval(() => {
    if (!document.getElementById("end").hidden || given === stop) { clearInterval(timer); done(seen); return; }
    const buttons = [...document.querySelectorAll("[data-choice]:not(:disabled)")];
    if (buttons.length === 1) buttons[0].click();
    const images = [...document.querySelectorAll(".pictures img")];
    if (buttons.length !== 2 || images[0] === last) return;
    last = images[0];
    const item = images.map((image) => image.src.match(/([0-9]+).png$/)[1]).join("-");
    const gone = getComputedStyle(images[0]).visibility === "hidden" && images.every((i) => i.naturalWidth);
    const question = document.querySelector(".asked").textContent;
    const [entry, since] = [[question, item, gone], performance.now()];
    seen.push(entry);
    given += 1;
    const [key, choice] = wanted[question][item] ? ["f", 0] : ["j", 1];
    setTimeout(() => {
      entry.push(performance.now() - since);
      if (given % 2) buttons[choice].click(); else document.dispatchEvent(new KeyboardEvent("keydown", { key }));
    }, 120);
  }, 5);
})
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with playwright.sync_playwright() as engine:
        context = engine.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")), executable_path=BROWSER, args=list(FLAGS), headless=True
        )
        context.set_default_timeout(30_000)
        yield context
        context.close()


class Web(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and keeps what is posted to /save, the first time with an error."""

    def do_POST(self):
        """Keeps it."""
        self.server.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if self.path == "/save" and len(self.server.posted) > 1 else 500)
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@contextlib.contextmanager
def served(folder):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Web, directory=folder)) as server:
        server.posted = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", server.posted
        server.shutdown()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study of a")
    noise = np.random.default_rng(0)
    for k in range(4):
        for name in (f"real/v{k}.png", f"generated/source___v{k}.png"):
            display.save(folder / name, noise.integers(0, 256, [24, 16, 3], np.uint8))
    flags = {"pairs": True, "count": 4, "practice": 1, "exposure": EXPOSURE, "save_to": "/save"}
    return folder / "study", study.make(folder / "real", folder / "generated", folder / "study", **flags)


def answers(key, **errors):
    """Whether the first button is right, by question and item; of each task's figure so many scored ones err."""
    from dpt_tf.study.protocol import FIGURES, TASKS

    wanted = {TASKS[task].question: {} for task in key["tasks"]}
    for figure, wrong in zip(FIGURES, errors.values(), strict=True):
        task, items = TASKS[figure.task], key["tasks"][figure.task]
        mine = [item for item in items["practice"] + items["scored"] if kind_of(item, key) == figure.kind]
        said = [item for item in mine if item in items["scored"]][:wrong]
        for item in mine:
            wanted[task.question][item] = (figure.answer == task.answers[0]) == (item in said)
    return wanted


def test_the_report_finds_the_rates_of_workers_who_answered_the_page(made, browser, tmp_path):
    folder, key = made
    careful = answers(key, r2g=0, g2r=1, real=3, generated=1, pose=3)
    hurried = answers(key, r2g=1, g2r=2, real=2, generated=0, pose=1)
    page = browser.new_page()
    asked, faults = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: faults.append(error))
    with served(folder / "page") as (address, posted):
        page.goto(f"{address}/index.html?worker=careful")
        seen = page.evaluate(WORKER, [careful, -1])
        page.locator(".note.failed").wait_for()
        page.reload()  # what could not be sent is still there, and now it can
        page.locator(".note.sent").wait_for()
        assert posted[0] == posted[1] and not faults
        assert {url for url in asked if not url.startswith(f"{address}/")} <= {u for u in asked if u[:5] == "data:"}
    assert len(seen) == sum(len(each) for task in key["tasks"].values() for each in task.values()) == 20
    assert all(gone for _, _, gone, _ in seen)
    (folder / "answers" / "posted.json").write_bytes(posted[1])

    page.goto(f"{(folder / 'page' / 'index.html').as_uri()}?workerId=hurried")
    before = page.evaluate(WORKER, [hurried, 9])
    page.wait_for_function("JSON.parse(Object.values(localStorage)[0]).answers.length === 9")
    page.reload()  # a page that was closed goes on where it was
    after = page.evaluate(WORKER, [hurried, -1])
    assert len({(question, item) for question, item, *_ in before + after}) == len(before + after) == 20
    page.locator(".note.failed").wait_for()
    for name in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Save as {name}").click()
        download.value.save_as(folder / "answers" / download.value.suggested_filename)
    assert not faults
    page.close()

    facts = study.report(folder)
    assert facts["kept"] == 6 and facts["dropped"] == []
    shares = [figure["share"] for figure in facts["figures"].values()]
    assert shares == pytest.approx([100 * n / 6 for n in (1, 3, 5, 1, 4)])
    kept = json.loads((folder / "answers" / "posted.json").read_text(encoding="utf-8"))
    late = [answer["ms"] - waited for answer, (*_, waited) in zip(kept["answers"], seen, strict=True)]
    assert kept["worker"] == "careful" and -5 < min(late) < 1000 * EXPOSURE
