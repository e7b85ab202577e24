"""Reads the text files a person writes: bounded, UTF-8, each fault with its place.

Knows nothing of what stands in them.
"""

from __future__ import annotations

from pathlib import Path

from stretto.core.errors import InvalidInput


def read_bytes(path: Path, kind: str, bytes_max: int) -> bytes:
    """The file's bytes. ``kind`` names what was expected. Raises InvalidInput."""
    try:
        with path.open("rb") as stream:
            data = stream.read(bytes_max + 1)
    except IsADirectoryError:
        raise InvalidInput(str(path), "is a directory", kind) from None
    except FileNotFoundError:
        raise InvalidInput(str(path), "there is no such file", kind) from None
    except (OSError, ValueError) as error:
        raise InvalidInput(str(path), f"cannot be read ({error})", kind) from None
    if len(data) > bytes_max:
        raise InvalidInput(str(path), "is too long", f"at most {bytes_max >> 20} MiB")
    return data


def text_of(data: bytes, source: str) -> str:
    """Bytes as UTF-8 text, a byte order mark taken off. Raises InvalidInput with the line."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{source}:{line}", "is not UTF-8", "text in UTF-8") from None
