"""What a click does, without a browser; and how the command starts, or says in one line why not."""

import os
import re
import signal
import socket
import sys
import unittest.mock

import numpy as np
import pytest
import web_toys as toys
from web_toys import save, visualisation

from dpt_tf.synthetic import examples
from serving.web import __main__ as command
from serving.web.clicks import OWN, SYNTHETIC, Clicks


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    return Clicks(toys.Model(), 32, tmp_path_factory.mktemp("people"))


@pytest.fixture
def person(tmp_path):
    return save(tmp_path / "a.png", np.full((48, 40, 3), 60, np.uint8)), save(tmp_path / "a_IUV.png", toys.body())


def text(shown):
    return re.sub("<[^>]*>", " ", shown)


def test_every_pose_becomes_a_row_and_the_bar_moves(clicks, person, tmp_path):
    own = [save(tmp_path / "z_IUV.png", toys.body()), save(tmp_path / "b<i>_IUV.png", toys.body())]
    steps = list(clicks.paint(*person, ["Back", "Front"], own))
    assert [message.count("<progress") for message, _, _ in steps] == [1, 1, 1, 1, 0]
    assert [rows.count('class="views"') for _, rows, _ in steps] == [0, 1, 2, 3, 4]
    message, rows, textures = steps[-1]
    assert message == "" and textures.count("<img") == 2
    order = [text(rows).index(name) for name in ("Front", "Back", "b&lt;i&gt;_IUV.png", "z_IUV.png")]
    assert order == sorted(order) and "<i>" not in rows
    assert rows.count("<img") == 16 and text(rows).count("of the body is seen") == 4
    assert "tinted: imagined" in text(rows)
    downloads = re.findall('download="([^"]*)"', rows)
    assert downloads == ["Front.png", "Back.png", "b&lt;i&gt;.png", "z.png"]


def test_the_share_seen_is_told_in_per_cent(clicks, person, tmp_path):
    pose = toys.body(48, 48)
    pose[:, :16] = 0  # 8 of 24 columns are left in the half that was seen
    *_, (_, rows, _) = clicks.paint(*person, [], [save(tmp_path / "p.png", pose)])
    assert "33% of the body is seen in the photo" in text(rows)


def test_a_turn_shows_every_frame_and_ends_in_an_animation_to_keep(clicks, person):
    steps = list(clicks.turn(*person, SYNTHETIC, []))
    assert len(steps) == examples.FRAMES + 2  # and that it is being written
    assert [f"frame {k} of 24" in text(shown) for k, (_, shown) in enumerate(steps[:24], 1)] == [True] * 24
    message, shown = steps[-1]
    assert message == "" and "data:image/gif;base64," in shown and 'download="turn.gif"' in shown


def test_a_turn_over_ones_own_poses_goes_by_their_names(clicks, person, tmp_path):
    clicks._transfer.asked.clear()
    own = [save(tmp_path / f"{k}.png", toys.body(part=k)) for k in (10, 9)]
    assert len(list(clicks.turn(*person, OWN, own))) == 4
    assert [target[..., 0].max() for _, _, target in clicks._transfer.asked] == [9, 10]


def test_who_keeps_the_own_build_is_painted_so_and_so_the_pose_is_shown(clicks, person, tmp_path):
    own = [save(tmp_path / f"{k}.png", toys.body()) for k in range(2)]
    shown = [list(clicks.paint(*person, [], own[:1], own_build=one))[-1][1] for one in (False, True)]
    plain, built = map(toys.picture, shown)
    below = 3 * len(plain) // 4  # enlarging carries an edge on by some pixels
    assert (plain[below:] != plain[-1, -1]).any() and not (built[below:] != built[-1, -1]).any()
    assert (built[:below] != built[-1, -1]).any()
    asked = clicks._transfer.asked
    asked.clear()
    assert list(clicks.turn(*person, OWN, own, own_build=True))[-1][0] == ""
    assert [target[24:].any() for _, _, target in asked] == [False, False]


def test_what_a_user_can_repair_is_a_sentence_that_stays(clicks, person, tmp_path):
    wrong = visualisation(tmp_path / "co&lours.png")
    for (_, *given), said in (
        (("", None, None, ["Front"], []), "there is no photo yet"),
        (("", person[0], None, ["Front"], []), "a.png has no map yet"),
        (("", *person, [], []), "there is no pose to paint"),
        (("", person[0], wrong, ["Front"], []), "co&amp;lours.png: a colour visualisation"),
        (("", *person, ["Front"], [wrong]), "co&amp;lours.png: a colour visualisation"),
        (("", *person, ["Front"], [person[1]] * 24), "24 poses are too many at once: give 23 at most"),
    ):
        *_, (message, rows, textures) = clicks.paint(*given)
        assert said in message and 'role="alert"' in message and not rows and not textures
    *_, (message, shown) = clicks.turn(*person, OWN, [person[1]])
    assert "two poses at least" in message and not shown
    assert list(clicks.paint(*person, ["Front"], []))[-1][0] == ""


def test_a_person_is_shown_as_far_as_it_is_there(clicks, person, tmp_path):
    wrong = visualisation(tmp_path / "c.png")
    other = save(tmp_path / "other.png", np.zeros((9, 9, 3), np.uint8))
    for photo, source_iuv, pictures, said in (
        (None, None, 0, ""),
        (person[0], None, 1, ""),
        (None, person[1], 1, ""),
        (*person, 2, ""),
        (person[0], wrong, 1, "c.png: a colour visualisation"),
        (wrong, person[1], 2, "c.png is 9 x 9 but a_IUV.png is 40 x 48"),
        (other, wrong, 1, "c.png: a colour visualisation"),
    ):
        shown, message = clicks.look(photo, source_iuv)
        assert shown.count("<img") == pictures and (said in message if said else message == ""), (said, message)


def bad_start(capsys, *flags):
    with pytest.raises(SystemExit) as left:
        command.main(flags)
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    assert left.value.code == 2 and len(lines) == 1 and not printed.out, printed
    return lines[0]


@pytest.fixture
def _all_as_before():
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    with unittest.mock.patch.dict(os.environ):
        yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("_all_as_before")
def test_what_stops_the_start_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "nowhere is not a run" in bad_start(capsys, "--port=0", "--model=nowhere")
    said = bad_start(capsys, "--port=0", "--pose=no_such_network")
    assert said.startswith("web: no_such_network: no estimator of maps is called so")
    (tmp_path / "loop").symlink_to("loop")
    assert "Too many levels of symbolic links" in bad_start(capsys, "--port=0", "--model=loop")
    assert "--model is empty" in bad_start(capsys, "--port=0", "--model=")
    assert "no name of a host" in bad_start(capsys, "--port=0", "--host=\udce9")
    assert "ports are 0 to 65535" in bad_start(capsys, "--port=99999")
    assert "unrecognized arguments: --no=1" in bad_start(capsys, "--no=1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = bad_start(capsys, f"--port={port}", "--model=nowhere")
    assert said == f"web: 127.0.0.1:{port} cannot be used (Address already in use); give another --port or --host"
    assert "cannot be used" in bad_start(capsys, "--host=192.0.2.1", "--model=nowhere")
    assert "cannot be used" in bad_start(capsys, "--host=no.such.host.invalid", "--model=nowhere")
    monkeypatch.setitem(sys.modules, "gradio", None)
    said = bad_start(capsys, "--port=0", "--model=nowhere")
    assert said == "web: gradio is not installed; the page needs it: pip install -e '.[web]'"
