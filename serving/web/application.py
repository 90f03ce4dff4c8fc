"""The page as a web application that keeps to itself: it reads what was uploaded to it, and nothing else anywhere."""

from typing import Any, NoReturn

import fastapi
import gradio
from gradio import processing_utils

from serving.web import layout
from serving.web.clicks import Clicks
from serving.web.gate import Gate

DOWNLOADS = ("async_ssrf_protected_download", "ssrf_protected_download", "save_url_to_cache")


MOST_TOGETHER = 4  # uploads of the largest size that one request may bring


def build(clicks: Clicks, host: str = "127.0.0.1", port: int = 7860) -> Gate:
    """The application; a file larger than `layout.MOST_BYTES` is refused while it comes in."""
    page = layout.build(clicks)
    _close(page)
    app = gradio.mount_gradio_app(
        fastapi.FastAPI(openapi_url=None),
        page,
        path="/",
        server_name=host,
        server_port=port,
        max_file_size=layout.MOST_BYTES,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        show_error=True,
        **layout.appearance(clicks),
    )
    return Gate(app, page, MOST_TOGETHER * layout.MOST_BYTES)


def _close(page: gradio.Blocks) -> None:
    """A request can name any path or address as its file: only an upload is taken.

    Note: gradio 6.31 checks paths from when `launch` was called, which a mounted page never sees, and fetches addresses
    as long as they are public.
    """
    page.has_launched = True
    for name in DOWNLOADS:
        getattr(processing_utils, name)  # one that another gradio calls differently would stay open
        setattr(processing_utils, name, _refuse)


def _refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
    raise gradio.Error("a file has to be uploaded: addresses are not fetched", print_exception=False)
