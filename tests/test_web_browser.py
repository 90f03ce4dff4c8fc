"""The page in a headless Chromium, as somebody uses it, with a run of random weights."""

import contextlib
import re
import shutil
import urllib.request

import damaged
import numpy as np
import posing
import pytest
import web_toys as toys
from PIL import Image

from dpt_tf.commands import main
from dpt_tf.images import video

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install '.[dev]'")
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
if BROWSER is None:
    pytest.skip("no browser here: install chromium", allow_module_level=True)

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PAINT, TURN, DRESS = "Paint the poses", "Make the moving picture", "Put them on"


@pytest.fixture(scope="module")
def served(toy_layers, tmp_path_factory):
    with toys.running(toy_layers / "run", tmp_path_factory.mktemp("page"), toys.BY_COLOUR) as (address, log):
        yield address
        # No traceback, no warning, whatever users did; but for what TensorFlow says of some processors.
        assert [line for line in log.read_text().splitlines() if "oneDNN supports DT_UINT8" not in line] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with playwright.sync_playwright() as engine:
        context = engine.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")), executable_path=BROWSER, args=list(FLAGS), headless=True
        )
        context.set_default_timeout(60_000)
        yield context
        context.close()


@pytest.fixture
def tab(browser, served):
    """The page, freshly opened; nothing that it asks for may lie elsewhere."""
    opened = browser.new_page()
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(served)
    opened.get_by_role("button", name=PAINT).wait_for()
    opened.locator("#person0 img").nth(1).wait_for()
    yield opened
    assert len(asked) > 10
    assert {url for url in asked if not url.startswith((f"{served}/", "data:", "blob:"))} == set()
    opened.close()


def clear(tab, field):
    button = tab.locator(f"{field} button[aria-label='Clear'], {field} button[title='Clear']")
    button.first.click()
    button.first.wait_for(state="detached")


def put(tab, field, *uploads):
    """Uploads as a person does: what is there is removed first."""
    if tab.locator(f"{field} .file-preview").count():
        clear(tab, field)
    tab.locator(f"{field} input[type=file]").set_input_files([str(one.path) for one in uploads])


def pictures(tab, place):
    """The pictures shown there, as arrays."""
    sources = tab.locator(f"{place} img").evaluate_all("images => images.map(image => image.src)")
    return [np.asarray(Image.open(urllib.request.urlopen(source)).convert("RGB")) for source in sources]


def test_the_first_click_paints_the_example_with_all_that_explains_it(tab):
    assert tab.locator("#people").get_by_role("radio", name="Ada").is_checked()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#rows .views").nth(2).wait_for()
    for kind in ("result", "warped", "overlay", "pose", "layers", "backdrop"):
        assert tab.locator(f"#rows figure.{kind} img").count() == 3
    shown = pictures(tab, "#rows")
    assert {picture.shape for picture in shown} == {(256, 256, 3)}
    result, overlay = shown[7], shown[9]  # from behind
    assert 0.05 < (result != overlay).any(-1).mean() < 0.5
    before, after = pictures(tab, "#textures")
    assert before.shape == after.shape and (before != after).mean() > 0.3
    assert re.search(r"\d+% of the body is seen in the photo", tab.locator("#rows").inner_text())
    assert "tinted: imagined" in tab.locator("#rows .legend").inner_text()
    assert tab.locator("#message .said").count() == 0


def test_another_example_and_other_poses_are_one_click_each(tab):
    before = pictures(tab, "#person0")
    tab.locator("#people").get_by_role("radio", name="Ben").check()
    tab.locator("#person0", has_text="ben_IUV.png").wait_for()
    assert (pictures(tab, "#person0")[0] != before[0]).any()
    for name in ("Half turned", "Back", "Walking"):
        tab.get_by_role("checkbox", name=name).uncheck()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#message .said", has_text="there is no pose to paint").wait_for()
    tab.get_by_role("checkbox", name="Side").check()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#rows .views", has_text="Side").wait_for()
    assert tab.locator("#rows .views").count() == 1
    assert tab.locator("#message .said").count() == 0


def turn(page):
    """Starts the ready moving picture, as a GIF: `-> what is said, what is shown`, as `listen` notes them."""
    page.get_by_role("tab", name="Moving pictures").click()
    page.get_by_role("radio", name="GIF").check()
    noted = listen(page, "#turn_message"), listen(page, "#animation")
    page.get_by_role("button", name=TURN).click()
    return noted


def listen(page, place):
    """From now on notes what is shown there, also what does not stay: `-> () -> all of it`, as HTML."""
    page.evaluate(
        """place => {
            const shown = document.querySelector(place), noted = ((window.noted ??= {})[place] = []);
            new MutationObserver(() => noted.push(shown.innerHTML)).observe(shown, {childList: true, subtree: true});
        }""",
        place,
    )
    return lambda: "".join(page.evaluate("place => window.noted[place]", place))


def test_a_turn_around_is_saved_as_an_animation_of_all_its_frames(tab, tmp_path):
    said, shown = turn(tab)
    link = tab.locator("#animation a.save")
    link.wait_for()
    assert "<progress" in said() and re.search("frame [0-9]+ of 24", shown())
    with tab.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "turn.gif"
    download.value.save_as(tmp_path / "turn.gif")
    with Image.open(tmp_path / "turn.gif") as saved:
        assert saved.format == "GIF" and saved.is_animated and saved.n_frames == 24
        assert saved.size == (256, 256) and saved.info["loop"] == 0


def test_who_comes_second_is_told_to_wait_and_gets_pictures_too(tab, browser, served):
    other = browser.new_page()
    other.goto(served)
    other.get_by_role("button", name=PAINT).wait_for()
    said = listen(other, "#message")
    turn(tab)
    other.get_by_role("button", name=PAINT).click()
    other.locator("#rows .views").nth(2).wait_for()
    assert "waiting for the model" in said()
    other.close()
    tab.locator("#animation a.save").wait_for()


def test_a_wrong_file_gets_the_sentence_of_dpt_inspect_and_a_right_one_works_again(tab, tmp_path, monkeypatch, capsys):
    wrong = toys.visualisation(tmp_path / "what I & you drew$1.png")
    monkeypatch.chdir(tmp_path)
    assert main.guarded(lambda: main.dispatch(["inspect", wrong.name])) == 1
    printed = capsys.readouterr().out.split("\n")[0]
    photo = toys.save(tmp_path / "me.png", np.full((48, 40, 3), 90, np.uint8))
    put(tab, "#photo", photo)
    tab.locator("#person0", has_text="me.png").wait_for()
    assert tab.locator("#map .file-preview").count() == 0  # the example's map is no map of this photo
    put(tab, "#map", wrong)
    said = tab.locator("#person1 .said", has_text="what I & you drew$1.png")
    said.wait_for()
    assert said.inner_text() == printed
    tab.get_by_role("button", name=PAINT).click()
    said = tab.locator("#message .said")
    said.wait_for()
    assert said.inner_text() == printed
    put(tab, "#map", toys.save(tmp_path / "me_IUV.png", toys.body()))
    tab.locator("#person0", has_text="me_IUV.png").wait_for()
    put(tab, "#own", toys.save(tmp_path / "mine_IUV.png", toys.body()), wrong)
    tab.locator("#own .file-preview tr").nth(1).wait_for()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#message .said", has_text="what I & you drew$1.png").wait_for()
    put(tab, "#own", toys.save(tmp_path / "mine_IUV.png", toys.body()))
    tab.locator("#own .file-preview", has_text="mine_IUV").wait_for()
    rows = tab.locator("#rows .views", has_text="mine_IUV.png")
    # The click above may still be at work, for its sentence was there before; then one more is none.
    for _ in range(6):
        tab.get_by_role("button", name=PAINT).click()
        with contextlib.suppress(playwright.TimeoutError):
            rows.wait_for(timeout=10_000)
            break
    rows.wait_for()
    assert tab.locator("#rows .views").count() == 4 and tab.locator(".said").count() == 0


def test_a_photo_alone_is_painted_and_another_person_is_one_click_away(tab, tmp_path):
    people = (4, 10, 40, 90), (50, 20, 70, 60)
    put(tab, "#photo", toys.save(tmp_path / "us.png", posing.photo(*people)))
    panel = tab.locator("#person0")
    panel.locator("figcaption", has_text="by colour: person 1 of 2").wait_for()
    first = pictures(tab, "#person0")
    assert tab.locator("#map .file-preview").count() == 0 and panel.locator("rect").count() == 2
    panel.get_by_role("button", name="person 2").click()
    panel.locator("figcaption", has_text="person 2 of 2").wait_for()
    assert panel.get_by_role("button", name="person 2").get_attribute("aria-pressed") == "true"
    assert (pictures(tab, "#person0")[1] != first[1]).any()
    shown = panel.locator(".boxes")
    size = shown.bounding_box()
    for x, y in ((38, 80), (2, 15)):  # two corners, whichever comes first
        shown.click(position={"x": (x + 0.1) * size["width"] / 80, "y": (y + 0.1) * size["height"] / 96})
    panel.locator("figcaption", has_text="whoever is in box 2,15,38,80").wait_for()
    assert tab.locator("#whom").get_by_role("textbox").input_value() == "2,15,38,80"
    panel.get_by_role("button", name="whole photo").click()
    panel.locator("figcaption", has_text="whoever the whole photo shows").wait_for()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#rows .views").nth(2).wait_for()
    put(tab, "#photo", toys.save(tmp_path / "nobody.png", posing.photo()))
    tab.locator("#person1 .said", has_text="nobody.png: nobody found in it by by colour; click two opposite").wait_for()
    assert tab.locator("#whom").get_by_role("textbox").input_value() == ""  # the wish was of the photo before


def test_several_photos_become_a_file_that_is_painted_from(tab, tmp_path):
    tab.get_by_role("tab", name="Several photos").click()
    panels = tab.locator("#several0 .asked")
    panels.nth(2).wait_for()  # the example's
    one = toys.save(tmp_path / "a one.png", posing.photo((20, 10, 60, 80)))
    two = toys.save(tmp_path / "b two.png", posing.photo((4, 10, 40, 90), (50, 20, 70, 60)))
    put(tab, "#several", two, one)
    panels.nth(1).get_by_role("button", name="person 2").click()
    panels.nth(1).locator("figcaption", has_text="person 2 of 2").wait_for()
    assert tab.locator("#whom_each").get_by_role("textbox").input_value() == "2: 2"
    tab.get_by_role("button", name="Make a person's file").click()
    with tab.expect_download() as download:
        tab.locator("#keep_several1 a.save").click()
    assert download.value.suggested_filename == "a one.person"
    download.value.save_as(tmp_path / "us.person")
    tab.locator("#albums").get_by_role("radio", name="Ben").check()
    tab.locator("#keep_several1 a.save").wait_for(state="detached")  # it was the ones' before
    tab.get_by_role("tab", name="A person's file").click()
    tab.locator("#file0", has_text="ada.person").wait_for()
    put(tab, "#file", toys.Upload(tmp_path / "us.person", "us.person"))
    tab.locator("#file0", has_text="us.person").wait_for()
    tab.get_by_role("tab", name="Own build").click()
    tab.get_by_role("button", name="Paint in both builds").click()
    tab.locator("#built .views").nth(1).wait_for()
    (tmp_path / "us.person").write_bytes(b"PK")
    put(tab, "#file", toys.Upload(tmp_path / "us.person", "us.person"))
    tab.locator("#file1 .said", has_text="us.person: no person can be read").wait_for()


def test_a_video_becomes_a_video_that_plays(tab, tmp_path):
    with video.writer(tmp_path / "walk.mp4", 10) as out:
        for k in range(3):
            out.add(posing.photo((20 + k, 10, 60 + k, 86)))
    tab.get_by_role("tab", name="Moving pictures").click()
    tab.get_by_role("radio", name="a video").check()
    put(tab, "#film", toys.Upload(tmp_path / "walk.mp4", "walk.mp4"))
    tab.locator("#film .file-preview").wait_for()
    tab.get_by_role("button", name=TURN).click()
    tab.locator("#animation a.save", has_text="walk.mp4").wait_for()
    tab.wait_for_function("document.querySelector('#animation video').videoWidth == 240")
    tab.locator("#seconds").get_by_role("textbox").fill("9-12")
    tab.get_by_role("button", name=TURN).click()
    tab.locator("#turn_message .said", has_text="walk.mp4: it lasts 0.3 seconds, and second 9 is not").wait_for()


def test_clothes_of_another_person_are_put_on_and_who_wears_them_can_be_chosen(tab, tmp_path):
    tab.get_by_role("tab", name="Clothes").click()
    tab.get_by_role("button", name=DRESS).click()
    tab.locator("#dressed figure").nth(2).wait_for()
    before, _, after = pictures(tab, "#dressed")
    assert before.shape == after.shape and 0 < (before != after).any(-1).mean() < 0.5
    put(tab, "#clothes", toys.save(tmp_path / "us.png", posing.photo((4, 10, 40, 90), (50, 20, 70, 60))))
    panel = tab.locator("#clothes0")
    panel.get_by_role("button", name="person 2").click()
    panel.locator("figcaption", has_text="person 2 of 2").wait_for()
    assert tab.locator("#whose").get_by_role("textbox").input_value() == "2"
    assert (
        tab.locator("#whom").get_by_role("textbox").count() == 0 and "ada.png" in tab.locator("#person0").inner_text()
    )
    tab.get_by_role("checkbox", name="top", exact=True).uncheck()
    tab.get_by_role("button", name=DRESS).click()
    tab.locator("#dress_message .said", has_text="there is nothing to put on").wait_for()


def test_a_map_that_comes_late_does_not_stay_over_what_was_chosen_meanwhile(tab, tmp_path):
    put(tab, "#photo", toys.save(tmp_path / "late.png", posing.photo((20, 10, 61, 80))))
    tab.locator("#person0, #person1").filter(has_text=re.compile("looking for people|late.png")).first.wait_for()
    tab.locator("#people").get_by_role("radio", name="Ben").check()
    tab.locator("#person0", has_text="ben_IUV.png").wait_for()
    tab.wait_for_timeout(2000)
    assert "ben_IUV.png" in tab.locator("#person0").inner_text()
    assert tab.locator("#person1 .said, #person1 .noted").count() == 0


def test_photos_of_poses_are_seen_put_right_and_painted(tab, tmp_path):
    one = toys.save(tmp_path / "a one.png", posing.photo((20, 10, 60, 80)))
    two = toys.save(tmp_path / "b two.png", posing.photo((4, 10, 40, 90), (50, 20, 70, 60)))
    put(tab, "#photos", two, one)
    panels = tab.locator("#photos0 .asked")
    panels.nth(1).locator("figcaption", has_text="2. b two.png").wait_for()
    panels.nth(1).get_by_role("button", name="person 2").click()
    panels.nth(1).locator("figcaption", has_text="person 2 of 2").wait_for()
    panels.nth(0).get_by_role("button", name="whole photo").click()
    panels.nth(0).locator("figcaption", has_text="whoever the whole photo shows").wait_for()
    assert tab.locator("#whoms").get_by_role("textbox").input_value() == "2: 2; 1: whole"
    for name in ("Half turned", "Back", "Walking"):
        tab.get_by_role("checkbox", name=name).uncheck()
    tab.get_by_role("button", name=PAINT).click()
    tab.locator("#rows .views", has_text="b two.png").wait_for()
    assert tab.locator("#rows .views").count() == 2 and tab.locator(".said").count() == 0


def test_a_button_that_is_drawn_anew_while_it_is_pressed_counts_and_so_do_keys(tab, tmp_path):
    put(tab, "#photo", toys.save(tmp_path / "two.png", posing.photo((4, 10, 40, 90), (50, 20, 70, 60))))
    panel = tab.locator("#person0 .asked")
    second = panel.get_by_role("button", name="person 2")
    second.hover()
    tab.mouse.down()
    tab.evaluate("() => { const at = document.querySelector('#person0 .asked'); at.innerHTML = at.innerHTML; }")
    tab.mouse.up()
    panel.locator("figcaption", has_text="person 2 of 2").wait_for()
    panel.get_by_role("button", name="person 1").focus()
    tab.keyboard.press("Enter")
    panel.locator("figcaption", has_text="person 1 of 2").wait_for()


def test_files_that_are_too_large_or_claim_to_be_are_refused_and_the_sentence_stays(tab, tmp_path):
    (tmp_path / "bomb.png").write_bytes(damaged.png(20000, 10000, b""))
    put(tab, "#photo", toys.Upload(tmp_path / "bomb.png", "bomb.png"))
    tab.locator("#person1 .said", has_text="bomb.png: too many pixels").wait_for()
    with open(tmp_path / "film.pkl", "wb") as film:
        film.truncate(70_000_000)
    put(tab, "#photo", toys.Upload(tmp_path / "film.pkl", "film.pkl"))
    said = tab.locator("#photo .said")
    said.wait_for()
    assert said.inner_text() == "film.pkl: 70 MB are too many; 64 MB at most"
    tab.locator("#people").get_by_role("radio", name="Cleo").check()
    tab.locator("#person0", has_text="cleo.png").wait_for()
    assert tab.locator("#person1 .said").count() == 0
