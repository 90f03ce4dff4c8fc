"""The two ways in which a transfer ends without a picture. `str()` of each is one line."""


def one_line(text: str) -> str:
    """The text with what would break the line or steer a terminal spelt out: names of files may hold anything."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class BadInput(ValueError):
    """What was given cannot be used: a file, an array, a flag. The line names it and the remedy."""


class ServerError(Exception):
    """The server gave no picture."""

    def __init__(self, code: str, message: str):
        """`code` is the name of a gRPC status; over REST the one that the HTTP status stands for."""
        super().__init__(f"{code}: {' '.join(message.split())}")
        self.code = code
