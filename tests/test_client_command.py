"""The client as a command: what it writes, what it says, TLS, and what it needs installed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import server_toy as toy
import trustme
from client_toys import address, person, photo, toy_painted

from serving.client import Client, ServerError, Tls
from serving.client import __main__ as command


@pytest.mark.parametrize("mutual", [False, True])
def test_tls_by_the_configuration_that_the_script_writes(tmp_path, mutual):
    base, authority = toy.put(tmp_path / "dpt", 1), trustme.CA()
    pair = authority.issue_cert("localhost")
    for name, blobs in (("ca", [authority.cert_pem]), ("key", [pair.private_key_pem]), ("cert", pair.cert_chain_pems)):
        (tmp_path / name).write_bytes(b"".join(blob.bytes() for blob in blobs))
    flags = [f"--key={tmp_path / 'key'}", f"--cert={tmp_path / 'cert'}"]
    flags += [f"--client_ca={tmp_path / 'ca'}"] * mutual
    script = [sys.executable, str(toy.SERVING / "configs" / "ssl_config.py"), *flags]
    (tmp_path / "ssl.config").write_text(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    x = photo(32, 32), person(32, 32), person(32, 32, 1)
    known = Tls(tmp_path / "ca", tmp_path / "cert", tmp_path / "key")
    with toy.running(base, credentials=toy.configs.credentials(str(tmp_path / "ssl.config"))) as server:
        where = f"localhost:{server.options.port}"
        for tls, welcome in ((known, True), (Tls(tmp_path / "ca"), not mutual), (Tls(), False), (None, False)):
            with Client(where, tls=tls, retries=0) as asked:
                if welcome:
                    np.testing.assert_array_equal(next(asked.transfer(*x[:2], [x[2]])), toy_painted(*x, version=1))
                else:
                    with pytest.raises(ServerError, match="UNAVAILABLE"):
                        next(asked.transfer(*x[:2], [x[2]]))


@pytest.fixture
def files(tmp_path):
    """A photo, its map, two poses in a folder with a ruined one between, a third pose, and a pose beside its photo."""
    for folder in ("poses", "pairs", "made/c.png"):
        (tmp_path / folder).mkdir(parents=True)
    pictures = {"a.png": photo(32, 32), "a_IUV.png": person(32, 32), "c_IUV.png": person(32, 32, 7)}
    pictures |= {"poses/1.png": person(32, 32, 1), "poses/2.png": photo(32, 32), "poses/3.png": person(40, 32, 3)}
    pictures |= {"pairs/4.png": photo(32, 32), "pairs/4-iuv.png": person(32, 32)}
    for name, picture in pictures.items():
        (tmp_path / name).write_bytes(toy.png(picture))
    (tmp_path / "poses" / "notes.txt").write_text("not a pose")
    (tmp_path / "linked").symlink_to(tmp_path / "poses")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "hard.png").hardlink_to(tmp_path / "a.png")
    return tmp_path


def flags(files, server, *targets, rest=False, output="out"):
    targets = [str(files / target) for target in targets]
    which = [f"--server={server if isinstance(server, str) else address(server, rest)}", *(["--rest"] if rest else [])]
    which += [f"--source={files / 'a.png'}", f"--source_iuv={files / 'a_IUV.png'}", f"--output={files / output}"]
    return [*which, "--target_iuv", *targets]


def test_the_command_paints_files_and_folders_and_names_what_it_leaves_out(toy_server, files, capsys):
    assert command.main(flags(files, toy_server, "c_IUV.png", "poses", rest=True)) == 2
    said = capsys.readouterr()
    assert said.out.split() == [str(files / "out" / name) for name in ("c.png", "1.png", "3.png")]
    (line,) = said.err.splitlines()
    assert line.startswith(f"client: {files / 'poses' / '2.png'}: no DensePose map")
    assert not list(files.glob("out/.partial*"))
    for name, target in (("c.png", person(32, 32, 7)), ("3.png", person(40, 32, 3))):
        with toy.PIL.Image.open(files / "out" / name) as painted:
            got = np.asarray(painted)
        np.testing.assert_array_equal(got, toy_painted(photo(32, 32), person(32, 32), target, version=2))


def test_one_pose_may_be_one_file(toy_server, files, capsys):
    assert command.main(flags(files, toy_server, "c_IUV.png", output="new/picture.png")) == 0
    assert capsys.readouterr().out.split() == [str(files / "new" / "picture.png")]
    with toy.PIL.Image.open(files / "new" / "picture.png") as painted:
        assert painted.size == (32, 32)


@pytest.mark.parametrize(
    ("targets", "more", "code", "words"),
    [
        (["c_IUV.png"], ["--model=other"], 1, "NOT_FOUND"),
        (["c_IUV.png"], ["--version=9"], 1, "NOT_FOUND"),
        (["c_IUV.png"], ["--server=127.0.0.1:1", "--retries=0"], 1, "127.0.0.1:1: UNAVAILABLE"),
        (["nowhere.png"], [], 2, "nowhere.png: no such file; give the path of a DensePose map"),
        (["c_IUV.png"], ["--source={files}/nowhere.jpg"], 2, "nowhere.jpg: no such file; give the path of a photo"),
        (["c_IUV.png"], ["--source_iuv={files}/poses/3.png"], 2, "the photo is 32 x 32 and its map 32 x 40"),
        (["poses", "poses"], [], 2, "have one file name"),
        (["poses"], ["--output={files}/out.png"], 2, "give a folder"),
        (["poses"], ["--output={files}/poses"], 2, "poses/1.png would be overwritten by a picture"),
        (["c_IUV.png", "c.png"], [], 2, "have one file name, c.png"),
        (["c_IUV.png"], ["--output={files}/a.png"], 2, "/a.png would be overwritten by a picture"),
        (["c_IUV.png"], ["--output={files}/a_IUV.png"], 2, "/a_IUV.png would be overwritten by a picture"),
        (["c_IUV.png"], ["--output={files}/c_IUV.png"], 2, "/c_IUV.png would be overwritten by a picture"),
        (["poses/1.png"], ["--output={files}/linked"], 2, "/linked/1.png would be overwritten by a picture"),
        (["c_IUV.png"], ["--output={files}/hard.png"], 2, "/hard.png would be overwritten by a picture"),
        (["pairs/4-iuv.png"], ["--output={files}/pairs"], 2, "/4.png would be overwritten by a picture"),
        (["c_IUV.png"], ["--output={files}/a.png/x/y.png"], 2, "a.png is no folder, so nothing can be written to"),
        (["c_IUV.png"], ["--output={files}/made"], 2, "made/c.png is no file that a picture could replace"),
        (["c_IUV.png"], ["--timeout=0"], 2, "above 0"),
        (["c_IUV.png"], ["--version=1", "--label=stable"], 2, "not allowed with"),
        (["c_IUV.png"], ["--version=-1"], 2, "version -1: versions are whole numbers from 0"),
        (["c_IUV.png"], [f"--version={1 << 63}"], 2, "versions are whole numbers from 0"),
        (["c_IUV.png"], ["--retries=-1"], 2, "-1 retries: give 0 or more"),
        (["c_IUV.png"], ["--label="], 2, "the label is empty; give one, or leave it out"),
        (["c_IUV.png"], ["--model=\udce9"], 2, "the model \\udce9 is not UTF-8"),
        (["c_IUV.png"], ["--server=127.0.0.1:65545"], 2, "ports are 1 to 65535, this is 65545"),
        (["c_IUV.png"], ["--source={files}/poses/notes.txt"], 2, "a picture that cannot be read (no known format)"),
        (["c_IUV.png"], ["--output={files}/dangling"], 2, "/dangling is no folder, so nothing can be written to"),
        (["c_IUV.png"], ["--tls_cert={files}/a.png"], 2, "belong together"),
        (
            ["c_IUV.png"],
            ["--tls_ca={files}/nowhere"],
            2,
            "nowhere: no such file; give the path of the authority of TLS",
        ),
    ],
)
@pytest.mark.parametrize("rest", [False, True])
def test_what_goes_wrong_is_one_line_and_a_code(toy_server, files, capsys, targets, more, code, words, rest):
    try:
        got = command.main([*flags(files, toy_server, *targets, rest=rest), *(one.format(files=files) for one in more)])
    except SystemExit as left:
        got = left.code
    (line,) = capsys.readouterr().err.splitlines()
    assert (got, line[:8]) == (code, "client: ") and words in line


def test_without_grpc_one_line_says_what_to_install(files, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "serving.client.grpc_transport", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)
    assert command.main(flags(files, "127.0.0.1:1", "c_IUV.png")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("client: gRPC needs the packages grpcio and protobuf") and "'.[serving]'" in line


@pytest.mark.parametrize("rest", [False, True])
def test_it_runs_where_neither_tensorflow_nor_the_library_is(toy_server, files, rest):
    absent = ["tensorflow", "tensorflow_serving", "keras", "scipy", "dpt_tf", "fcntl", "resource"] + [
        "grpc",
        "google",
    ] * rest
    hide = f"import sys; sys.modules |= dict.fromkeys({absent})"
    code = f"{hide}; from serving.client.__main__ import main; sys.exit(main())"
    ran = subprocess.run(
        [sys.executable, "-c", code, *flags(files, toy_server, "c_IUV.png", rest=rest)],
        env={**os.environ, "PYTHONPATH": str(toy.SERVING.parent)},
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    assert (files / "out" / "c.png").is_file()
