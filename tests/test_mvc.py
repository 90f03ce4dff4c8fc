"""Laws of MVC: every way its pictures are named and its lists are saved comes down to the same items."""

import json
import pathlib
import re
import shutil
import sys
import tracemalloc

import ijson
import pytest
import trees

from dpt_tf import iuv
from dpt_tf.data.prepare import mvc, mvc_lists
from dpt_tf.system.errors import UserError

NAMINGS = ("links", "labels", "folders")
VIEWS = trees.MVC_VIEWS[:4]
DUMPS = pathlib.Path(__file__).parent / "data" / "dumps"


def pictures(styles: int = 3) -> list[tuple[int, int, str]]:
    return [(7000000 + style // 2, 3000000 + style, view) for style in range(styles) for view in VIEWS]


def fill(folder: pathlib.Path, naming: str = "links", styles: int = 3, mapped: str = "{0}_IUV.png") -> pathlib.Path:
    """Empty files by MVC's names: nothing opens them but the pipeline."""
    for row in pictures(styles):
        stem = trees.mvc_stem(naming, *row)
        touch(folder / f"{stem}.jpg")
        if mapped:
            touch(folder / mapped.format(stem))
    return folder


def touch(path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def save_lists(folder: pathlib.Path, styles: int = 3, names=mvc_lists.LISTS, shape=lambda rows: rows) -> None:
    for name, rows in trees.mvc_rows(pictures(styles)).items():
        if name in names:
            (folder / name).write_text("\n " + json.dumps(shape(rows)))


def views(catalogue) -> dict[str, list[str]]:
    return {outfit.id: [shot.name for shot in outfit.shots] for split in catalogue.splits.values() for outfit in split}


def kinds(catalogue) -> set[str]:
    return {fault.kind for fault in catalogue.faults}


def expected(styles: int = 3, seen=("p", "1", "2", "3")) -> dict[str, list[str]]:
    return {f"style_{3000000 + i}": sorted(f"{3000000 + i}-{view}" for view in seen) for i in range(styles)}


def refusal(folder: pathlib.Path, *args) -> str:
    with pytest.raises(UserError) as caught:
        mvc.catalogue(folder, *args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("naming", NAMINGS)
def test_every_way_of_naming_gives_the_same_items(tmp_path, naming):
    found = mvc.catalogue(fill(tmp_path, naming))
    assert views(found) == expected(seen=("0", "1", "2", "3") if naming == "labels" else VIEWS)
    assert not found.faults and found.pairs is None
    assert any("by the pictures' names alone" in note for note in found.notes)


@pytest.mark.parametrize("naming", NAMINGS)
def test_with_lists_every_way_of_naming_gives_the_links_names(tmp_path, naming):
    save_lists(fill(tmp_path, naming))
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected()
    assert not found.faults and not found.notes


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize(
    "mapped", ["{0}_IUV.png", "{0}_densepose.png", "{0}.npy", "iuv/{0}.png", "densepose/{0}_IUV.npy"]
)
def test_maps_lie_beside_the_pictures_or_in_a_folder_of_the_same_layout(tmp_path, naming, mapped):
    found = mvc.catalogue(fill(tmp_path, naming, mapped=mapped))
    assert sum(map(len, views(found).values())) == len(pictures())
    for outfit in found.splits["train"]:
        for shot in outfit.shots:
            stem = shot.photo.removesuffix(".jpg").removeprefix(f"{tmp_path}/")
            assert shot.map == f"{tmp_path}/{mapped.format(stem)}"


def test_a_folder_of_maps_may_lie_in_the_folder_of_the_style(tmp_path):
    fill(tmp_path, "folders", mapped="")
    for photo in list(tmp_path.glob("*/*.jpg")):
        touch(photo.parent / "iuv" / f"{photo.stem}.png")
    assert views(mvc.catalogue(tmp_path)) == expected()


def test_a_dump_that_names_a_picture_otherwise_is_asked_by_its_own_name(tmp_path, monkeypatch):
    touch(tmp_path / "3163710-p-4x.jpg")
    touch(tmp_path / "all.pkl")
    monkeypatch.setattr("dpt_tf.iuv.photos", lambda path: ("elsewhere/3163710-p-2x.png",))
    (outfit,) = mvc.catalogue(tmp_path).splits["train"]
    assert [shot.entry for shot in outfit.shots] == ["elsewhere/3163710-p-2x.png"]


@pytest.mark.parametrize("place", ["dump.pkl", "iuv/dump.pkl"])
def test_a_dump_in_a_styles_folder_holds_maps_of_the_pictures_there(tmp_path, place):
    fill(tmp_path, "folders")
    dump = tmp_path / "3000009" / place
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        touch(tmp_path / "3000009" / name)
    touch(dump)
    shutil.copy(DUMPS / "new_two_photos.pkl", dump)  # shop/a.jpg and shop/b.jpg
    found = mvc.catalogue(tmp_path)
    assert views(found)["style_3000009"] == ["3000009-a", "3000009-b"]
    assert [fault.path for fault in found.faults] == [str(tmp_path / "3000009" / "c.jpg")]
    data = dump.read_bytes()
    dump.write_bytes(data[: len(data) // 2])
    found = mvc.catalogue(tmp_path)
    assert str(dump) in {fault.path for fault in found.faults if fault.kind == "map that cannot be used"}
    assert not any("have no picture" in note for note in found.notes)


@pytest.mark.parametrize("naming", NAMINGS)
def test_no_map_is_opened_that_is_named_as_a_picture(tmp_path, naming, monkeypatch):
    monkeypatch.delattr(iuv, "photos")
    fill(tmp_path, naming, mapped="{0}.pkl")
    touch(tmp_path / "3163710-p-4x.pkl")
    assert "1 maps have no picture" in mvc.catalogue(tmp_path).notes


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_dump_holds_maps_of_pictures_named_in_any_way(tmp_path, naming, monkeypatch):
    names = tuple(f"/far/away/{trees.mvc_stem(naming, *row)}.jpg" for row in pictures())
    monkeypatch.setattr(iuv, "photos", lambda path: names)
    touch(fill(tmp_path, naming, mapped="") / "dump.pkl")
    save_lists(tmp_path)
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected() and not found.faults
    assert {shot.map for outfit in found.splits["train"] for shot in outfit.shots} == {str(tmp_path / "dump.pkl")}


def test_names_of_ones_own_in_a_folder_per_style_are_views(tmp_path):
    for style in ("3163710", "3163711"):
        for view in ("front", "left_v2"):
            touch(tmp_path / "pictures" / style / f"{view}.jpg")
            touch(tmp_path / "pictures" / style / f"{view}_IUV.png")
    save_lists(tmp_path)
    found = mvc.catalogue(tmp_path)
    assert views(found)["style_3163711"] == ["3163711-front", "3163711-left_v2"]


def test_a_folder_per_style_may_hold_the_ends_of_the_links_names(tmp_path):
    fill(tmp_path / "links")
    for _, style, view in pictures():
        for suffix in (".jpg", "_IUV.png"):
            touch(tmp_path / str(style) / f"{view.upper()}-4X{suffix}")
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected() and not found.faults


def test_rows_of_a_style_under_names_of_ones_own_are_not_missed(tmp_path):
    for style in range(3000000, 3000003):
        for view in ("front", "back"):
            touch(tmp_path / str(style) / f"{view}.jpg")
            touch(tmp_path / str(style) / f"{view}_IUV.png")
    save_lists(tmp_path)
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected(seen=("front", "back")) and not found.faults
    save_lists(tmp_path, 4)
    assert len(mvc.catalogue(tmp_path).faults) == len(VIEWS)


def test_a_collection_in_a_folder_named_like_a_style_is_no_style(tmp_path):
    touch(tmp_path / "20160101" / "front.jpg")
    assert "no picture named as MVC's are" in refusal(tmp_path / "20160101")


@pytest.mark.parametrize("suffix", ["", "-2x", "-MULTIVIEW"])
def test_pictures_of_other_sizes_are_known(tmp_path, suffix):
    for style in range(2):
        touch(tmp_path / f"{3163710 + style}-p{suffix}.jpg")
        touch(tmp_path / f"{3163710 + style}-p{suffix}_IUV.png")
    assert views(mvc.catalogue(tmp_path))["style_3163710"] == ["3163710-p"]


def test_of_several_sizes_the_largest_is_taken_unless_a_map_is_another_ones(tmp_path):
    for style in ("3163710", "3163711", "3163712"):
        for size in ("-2x", "", "-4x", "-THUMBNAIL"):
            touch(tmp_path / f"{style}-p{size}.jpg")
    touch(tmp_path / "iuv" / "3163710-p.pkl")
    touch(tmp_path / "iuv" / "3163711-p-2x.png")
    for size in ("-4x", "-2x"):
        touch(tmp_path / "iuv" / f"3163712-p{size}.png")
    found = mvc.catalogue(tmp_path)
    chosen = {shot.name: (shot.photo, shot.map) for split in found.splits.values() for o in split for shot in o.shots}
    names = {name: tuple(pathlib.Path(path).name for path in paths) for name, paths in chosen.items()}
    assert names == {
        "3163710-p": ("3163710-p.jpg", "3163710-p.pkl"),
        "3163711-p": ("3163711-p-2x.jpg", "3163711-p-2x.png"),
        "3163712-p": ("3163712-p-4x.jpg", "3163712-p-4x.png"),
    }
    assert any(note.startswith("3 pictures are there more than once") for note in found.notes)


@pytest.mark.parametrize("second", ["labels", "folders"])
def test_a_picture_named_in_two_ways_is_taken_once(tmp_path, second):
    save_lists(tmp_path)
    for naming in ("links", second):
        fill(tmp_path / naming, naming)
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected() and not found.faults


def test_without_lists_a_style_is_taken_under_the_naming_with_the_most_maps(tmp_path):
    fill(tmp_path / "links", "links")
    fill(tmp_path / "labels", "labels")
    assert views(mvc.catalogue(tmp_path)) == expected()
    (tmp_path / "links" / "3000001-p-4x_IUV.png").unlink()
    found = mvc.catalogue(tmp_path)
    assert views(found)["style_3000001"] == ["3000001-0", "3000001-1", "3000001-2", "3000001-3"]
    assert views(found)["style_3000000"] == expected()["style_3000000"]
    assert kinds(found) == {"perhaps a copy under another name"} and len(found.faults) == 3 * len(VIEWS)


def test_with_lists_some_views_may_be_named_as_linked_and_some_as_labelled(tmp_path):
    fill(tmp_path, "labels")
    for row in pictures()[1::2]:
        for suffix in (".jpg", "_IUV.png"):
            old, new = (trees.mvc_stem(naming, *row) + suffix for naming in ("labels", "links"))
            (tmp_path / old).rename(tmp_path / new)
    save_lists(tmp_path)
    found = mvc.catalogue(tmp_path)
    assert views(found) == expected() and not found.faults


def test_a_map_named_as_labelled_is_of_the_picture_named_as_linked(tmp_path):
    fill(tmp_path, "links", mapped="")
    for row in pictures():
        touch(tmp_path / "iuv" / f"{trees.mvc_stem('labels', *row)}.png")
    save_lists(tmp_path)
    assert views(mvc.catalogue(tmp_path)) == expected()


def by_index(rows, text=str):
    return {text(index): row for index, row in enumerate(rows)}


SHAPES = {
    "a list of rows": lambda rows: rows,
    "columns": lambda rows: {field: [row[field] for row in rows] for field in rows[0]},
    "rows by index": by_index,
    "rows by index, sorted as text": lambda rows: dict(sorted(by_index(rows).items())),
    "columns by index": lambda rows: {field: by_index([row[field] for row in rows]) for field in rows[0]},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("names", [mvc_lists.LISTS, *((name,) for name in mvc_lists.LISTS)], ids=str)
def test_every_shape_of_every_list_says_the_same(tmp_path, shape, names):
    save_lists(tmp_path, 4, names, SHAPES[shape])
    found = mvc_lists.read_lists([str(tmp_path / name) for name in names])
    linked = {f"{style}-{view}": f"{style}_v{VIEWS.index(view)}" for _, style, view in pictures(4)}
    if names == ("attribute_labels.json",):
        assert found.names == set(linked.values())
    else:
        assert found.names == linked.keys()
    paired = "mvc_info.json" in names
    assert found.links == ({label: link for link, label in linked.items()} if paired else {})


@pytest.mark.parametrize("shape", SHAPES)
def test_lists_saved_in_different_shapes_go_row_by_row(tmp_path, shape):
    save_lists(tmp_path, 4, ("image_links.json",), SHAPES[shape])
    save_lists(tmp_path, 4, ("attribute_labels.json",))
    found = mvc_lists.read_lists([str(tmp_path / name) for name in mvc_lists.LISTS[:2]])
    assert found.links["3000003_v0"] == "3000003-p" and len(found.links) == 16


@pytest.mark.parametrize("style", ["'3163710'", '"3163710"', "\"'3163710'\"", "3163710", 3163710, 3163710.0])
def test_quotes_inside_the_strings_are_taken_off(tmp_path, style):
    row = {"productId": "'7258521'", "styleId": style, "viewId": 2, "image_url_4x": "'http://x/3163710-3-4x.jpg'"}
    (tmp_path / "mvc_info.json").write_text(json.dumps([row]))
    assert mvc_lists.read_lists([str(tmp_path / "mvc_info.json")]).links == {"3163710_v2": "3163710-3"}


def test_a_list_may_begin_with_a_byte_order_mark_and_hold_any_script(tmp_path):
    rows = [{"filename": f"p1_s{style}_v0", "name": "é衣" * 300} for style in range(30000, 31000)]
    text = "\n" + json.dumps(rows, ensure_ascii=False, indent=1)
    (tmp_path / "attribute_labels.json").write_text(text, encoding="utf-8-sig")
    assert len(mvc_lists.read_lists([str(tmp_path / "attribute_labels.json")]).names) == 1000


def test_a_row_without_a_picture_is_a_fault_and_a_picture_in_no_row_is_counted(tmp_path):
    save_lists(fill(tmp_path), 4)
    for view in ("6", "7"):
        touch(tmp_path / f"3000000-{view}-4x.jpg")
        touch(tmp_path / f"3000000-{view}-4x_IUV.png")
    (tmp_path / "3000001-2-4x.jpg").unlink()
    (tmp_path / "3000002-p-4x_IUV.png").unlink()
    found = mvc.catalogue(tmp_path)
    listed = [fault.path for fault in found.faults if fault.kind == "listed, but no such picture"]
    assert listed == ["3000001-2", "3000003-1", "3000003-2", "3000003-3", "3000003-p"]
    assert [fault.path for fault in found.faults if fault.kind == "no map"] == [str(tmp_path / "3000002-p-4x.jpg")]
    assert "2 pictures are in no row of the lists and were left out" in found.notes
    assert "1 maps have no picture" in found.notes
    assert views(found)["style_3000000"] == expected()["style_3000000"]


def test_rows_that_name_no_picture_are_counted(tmp_path):
    fill(tmp_path)
    rows = [*trees.mvc_rows(pictures())["image_links.json"], {"image_url_4x": None}, {"image_url_4x": "http://x/y.jpg"}]
    (tmp_path / "image_links.json").write_text(json.dumps(rows))
    assert "2 of 14 rows of image_links.json name no picture" in mvc.catalogue(tmp_path).notes


def test_the_seed_alone_draws_the_test_items_and_no_item_is_in_two_splits(tmp_path):
    def split(seed, folder="links"):
        found = mvc.catalogue(tmp_path / folder, seed=seed)
        return [{outfit.id for outfit in found.splits[name]} for name in ("train", "test")]

    for naming in NAMINGS:
        fill(tmp_path / naming, naming, 40)
    train, test = split(1)
    assert len(test) == 4 and len(train) == 36 and not train & test
    assert split(1) == [train, test] == split(1, "folders") == split(1, "labels")
    assert split(2) != [train, test]


def test_a_made_tree_is_read_whole(tmp_path):
    for naming in NAMINGS:
        trees.make(trees.Tree("mvc", tmp_path / naming, 2, 2, 32, naming=naming))
        found = mvc.catalogue(tmp_path / naming)
        assert views(found) == expected(2, ("p", "1")) and not found.faults and not found.notes
        for split in found.splits.values():
            assert all(pathlib.Path(shot.photo).is_file() for outfit in split for shot in outfit.shots)


@pytest.mark.parametrize("name", ["image_links.mat", "attribute_labels.mat", "mvc_info.mat"])
def test_matlabs_files_are_refused_unless_the_json_files_are_there(tmp_path, name):
    touch(fill(tmp_path) / name)
    message = refusal(tmp_path)
    assert name in message and all(wanted in message for wanted in mvc_lists.LISTS)
    save_lists(tmp_path, names=("image_links.json",))
    assert views(mvc.catalogue(tmp_path)) == expected()


@pytest.mark.parametrize(
    ("text", "entries", "told"),
    [
        ('[{"image_url_4x": "http://x/3163710-p-4x.jpg"}, {"image_url_4x": ]', 1, r'"image_url_4x": \]$|\]\' at 65$'),
        ('[{"image_url_4x": "http://x/3163710-p-4x.jpg"}', 1, "EOF|Incomplete"),
        ('[{"image_url_4x": "http://x/3163710-p-4x.jpg"}] [', 1, "trailing|Additional"),
        ('[{"image_url_4x": "http://x/3163710-p-4x.jpg"}, {"image_url_4x": NaN}]', 1, "NaN|N' at 65$"),
        ("", 0, "EOF|Incomplete"),
        ("<html>", 0, "<html>$|<' at 0$"),
        ('{"image_url_4x" []}', 0, "colon|at 16$"),
        ("{3: []}", 0, "object key|at 1$"),
    ],
)
def test_broken_json_is_named_with_the_place(tmp_path, text, entries, told):
    """In the words of whichever of its parsers ijson runs on: the C library or plain Python."""
    fill(tmp_path)
    (tmp_path / "image_links.json").write_text(text)
    found = re.search(rf"image_links.json: broken JSON after {entries} entries: (.*); get", refusal(tmp_path))
    assert re.search(told, found[1]) and "right here" not in found[1] and "  " not in found[1]


def test_bytes_that_are_no_text_are_broken_json(tmp_path):
    (fill(tmp_path) / "image_links.json").write_bytes(b'["\xff\xfe')
    assert "image_links.json: broken JSON after 0 entries: " in refusal(tmp_path)


def test_without_the_parser_the_lists_are_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ijson", None)
    assert views(mvc.catalogue(fill(tmp_path))) == expected()
    save_lists(tmp_path)
    assert "image_links.json: reading MVC's lists needs ijson: pip install 'dpt_tf[data]'" in refusal(tmp_path)


def test_numbers_of_any_length_are_read(tmp_path):
    text = '[{"filename": "p1_s30000_v0", "id": 123456789012345678901234567890, "price": 1e999}]'
    (tmp_path / "attribute_labels.json").write_text(text)
    assert mvc_lists.read_lists([str(tmp_path / "attribute_labels.json")]).names == {"30000_v0"}


def test_a_fault_early_in_a_long_list_is_found_before_all_of_it_is_read(tmp_path):
    text = '[{"filename": oops}' + ', {"filename": "p1_s30000_v0"}' * 800_000
    (tmp_path / "attribute_labels.json").write_text(text)
    tracemalloc.start()
    with pytest.raises(UserError, match=r"after 0 entries: .*oops"):
        mvc_lists.read_lists([str(tmp_path / "attribute_labels.json")])
    assert tracemalloc.get_traced_memory()[1] < len(text) * 0.5
    tracemalloc.stop()


@pytest.mark.parametrize("shape", ["a list of rows", "rows by index"])
def test_rows_pass_through_memory_one_by_one(tmp_path, shape):
    if ijson.backend == "python":
        pytest.skip("without its C library ijson holds on to what it has read while blocks end amid long strings")
    rows = [{"filename": f"p1_s{style}_v0", "label": "Red" * 7000} for style in range(30000, 30500)]
    (tmp_path / "attribute_labels.json").write_text(json.dumps(SHAPES[shape](rows)))
    tracemalloc.start()
    assert len(mvc_lists.read_lists([str(tmp_path / "attribute_labels.json")]).names) == 500
    assert tracemalloc.get_traced_memory()[1] < 3e6
    tracemalloc.stop()


@pytest.mark.parametrize("data", ['["3163710-p-4x.jpg"]', '{"image_url_4x": "x"}', "[[1]]", '{"0": 1}', '{"rows": 3}'])
def test_json_of_another_shape_is_refused(tmp_path, data):
    (fill(tmp_path) / "image_links.json").write_text(data)
    message = refusal(tmp_path)
    assert "image_links.json: neither a list of rows, nor rows or columns by name" in message


@pytest.mark.parametrize("data", ["[]", "{}", '[{"colour": "red"}]', '{"colour": ["red"]}'])
def test_a_list_that_names_no_picture_is_refused(tmp_path, data):
    (fill(tmp_path) / "image_links.json").write_text(data)
    assert "image_links.json: no row of it names a picture" in refusal(tmp_path)


def test_a_column_by_other_than_row_numbers_is_refused(tmp_path):
    (fill(tmp_path) / "mvc_info.json").write_text('{"styleId": {"a": 3163710}}')
    assert "mvc_info.json: 'a' is no row's number" in refusal(tmp_path)


def test_lists_whose_rows_do_not_go_together_are_refused(tmp_path):
    save_lists(fill(tmp_path))
    rows = trees.mvc_rows(pictures())["attribute_labels.json"]
    (tmp_path / "attribute_labels.json").write_text(json.dumps(rows[1:]))
    message = refusal(tmp_path)
    assert "do not go together: row 3 is 3000000-3 as well as 3000001_v0" in message


def test_a_list_that_is_there_twice_is_refused(tmp_path):
    save_lists(fill(tmp_path))
    touch(tmp_path / "old" / "mvc_info.json")
    assert "two lists for one thing" in refusal(tmp_path)


def test_what_is_missing_is_said(tmp_path):
    assert "no such folder" in refusal(tmp_path / "nowhere")
    touch(tmp_path / "front.jpg")
    assert "no picture named as MVC's are" in refusal(tmp_path)
    touch(tmp_path / "3163710-p-4x.jpg")
    assert "no IUV map of any of its 1 pictures" in refusal(tmp_path)
    touch(tmp_path / "3163711-p-4x_IUV.png")
    assert "none of the 1 maps is of a picture to be taken" in refusal(tmp_path)
    assert "MVC has no config dsc" in refusal(tmp_path, "dsc")
