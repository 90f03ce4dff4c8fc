"""Serving an export: `local_server` answers, `client` asks, `web` shows a page; run from the checkout."""
