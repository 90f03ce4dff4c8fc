"""A local server with the APIs, flags, error codes and configuration files of TF Serving, in Python.

For development and demonstrations. What it promises in common with TF Serving is what a client can see; how it gets
there is its own. `python -m serving.local_server` is the command.
"""
