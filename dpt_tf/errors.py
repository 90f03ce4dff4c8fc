"""What a user did that we cannot use: one sentence with the file and the remedy, and no traceback."""


class UserError(Exception):
    """A mistake in a file, a flag or a folder. `str()` of it is the whole line that the user sees."""
