"""What the page's own script sends, and no more of it: a forged request is refused before gradio reads it.

A request names an event by its number and has a value for each of its inputs. The values are checked by the components
that they are of, and written anew: gradio would take other keys, of which some are paths and addresses.
"""

import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio import utils

MOST_JSON = 2**20  # bytes; 240 files are a tenth of it
_MOST_TEXT = 4096  # letters of a wish, or of a file's name
_MOST_FILES = 512
_SESSION = re.compile("[A-Za-z0-9_-]{1,64}")


class Forged(Exception):
    """A request that the page does not send: an HTTP status and a sentence."""

    def __init__(self, sentence: str, status: int = 400):
        """The sentence names nothing of this machine."""
        super().__init__(sentence)
        self.status = status


def event(body: bytes, page: gr.Blocks) -> tuple[bytes, str]:
    """The request of an event, written anew, and whose it is. Raises Forged."""
    asked = document(body)
    number, values = asked.get("fn_index"), asked.get("data")
    if type(number) is not int or number not in page.fns:
        raise Forged("there is no such event")
    inputs = page.fns[number].inputs
    if not isinstance(values, list) or len(values) != len(inputs):
        raise Forged(f"the event takes {len(inputs)} values")
    data = [_value(component, value) for component, value in zip(inputs, values, strict=True)]
    trigger, session = asked.get("trigger_id"), _session(asked)
    made = {"data": data, "fn_index": number, "session_hash": session, "event_data": None}
    made["trigger_id"] = trigger if type(trigger) is int else None
    return json.dumps(made).encode(), session


def ending(body: bytes, page: gr.Blocks) -> tuple[bytes, str]:
    """The request that ends an event, likewise."""
    asked = document(body)
    number, one, session = asked.get("fn_index"), asked.get("event_id"), _session(asked)
    if type(number) is not int or number not in page.fns or not _is_name(one):
        raise Forged("there is no such event")
    return json.dumps({"session_hash": session, "fn_index": number, "event_id": one}).encode(), session


def document(body: bytes) -> Mapping[str, Any]:
    """The object that the body is. Raises Forged."""
    try:
        made = json.loads(body)
    except (ValueError, RecursionError):
        raise Forged("the body is no JSON") from None
    if not isinstance(made, dict):
        raise Forged("the body is no JSON object")
    return made


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(_SESSION.fullmatch(value))


def _session(asked: Mapping[str, Any]) -> str:
    if not _is_name(asked.get("session_hash")):
        raise Forged("the session has no name")
    return asked["session_hash"]


def _value(component: Any, value: Any) -> Any:
    if isinstance(component, gr.File):
        if component.file_count == "single":
            return _file(value)
        if value is not None and (not isinstance(value, list) or len(value) > _MOST_FILES):
            raise Forged(f"files are a list of {_MOST_FILES} at most")
        return None if value is None else [_file(one) for one in value if one is not None]
    if isinstance(component, gr.Radio | gr.CheckboxGroup):
        choices = [choice for _, choice in component.choices]
        chosen = value if isinstance(component, gr.CheckboxGroup) else [value]
        if not isinstance(chosen, list) or len(chosen) > len(choices) or any(one not in choices for one in chosen):
            raise Forged("there is no such choice")
        return value
    if isinstance(component, gr.Checkbox):
        if type(value) is not bool:
            raise Forged("it is true or false")
        return value
    if isinstance(component, gr.Textbox):
        return None if value is None else _text(value)
    raise Forged("the event takes no such value")


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise Forged(f"it is text of {_MOST_TEXT} letters at most")
    return value.encode(errors="replace").decode()


def _file(value: Any) -> dict[str, Any] | None:
    """What gradio needs to know of an upload. Raises Forged, too, where it is none."""
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("path"), str):
        raise Forged("a file is an upload")
    if re.match("[a-z+]+:", value["path"], re.IGNORECASE) and "//" in value["path"]:
        raise Forged("a file has to be uploaded: addresses are not fetched")
    path, folder = pathlib.Path(_text(value["path"])), pathlib.Path(utils.get_upload_folder())
    try:
        is_upload = path.is_absolute() and path.resolve().is_relative_to(folder.resolve())
    except (ValueError, OSError):
        is_upload = False
    if not is_upload:
        raise Forged("the file was not uploaded")
    name = value.get("orig_name")
    called = path.name if name is None else _text(name)
    return {"path": str(path), "orig_name": called, "meta": {"_type": "gradio.FileData"}}
