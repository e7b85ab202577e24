"""Asks a running book to compare its accounts with their venues now, and reads the answers.

Only a running book has connections to its venues. Knows nothing of how an answer is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from stretto.core.errors import BrokerUnreachable, InvalidInput
from stretto.runtime.control import ReconcileRequest, decode_reconciled, encode, socket_path
from stretto.runtime.reconciler import Comparison
from stretto.sessions.people import answers

LINE_S_MAX = 60.0
"""Between two accounts: a view may take ten seconds, behind those that others asked for."""


def compare(db: Path, book_id: str, accounts: Sequence[str]) -> Iterator[Comparison]:
    """One comparison for each account, all of the book where none is named, as each is done. Raises
    BrokerUnreachable where no process answers for the book, InvalidInput for an unknown account.
    """
    path = socket_path(db, book_id)
    lines = answers(path, encode(ReconcileRequest(accounts=tuple(accounts))), LINE_S_MAX)
    if lines is None:
        raise BrokerUnreachable(
            f"{db}: no process answers for book {book_id}, so there is no connection to its "
            f"venues. Where none runs it: `stretto resume --db {db}` compares every account "
            "before its first entry. A demo and `run --speed max` pass their time at once and "
            "cannot be reached; `run` with a --speed can"
        )
    try:
        for line in lines:
            answer = decode_reconciled(line)
            if answer.unknown:
                raise InvalidInput(
                    "--account",
                    f"book {book_id} has no account {', '.join(answer.unknown)}",
                    f"those that `stretto accounts --db {db}` lists",
                )
            if answer.error:
                raise BrokerUnreachable(f"{db}: {answer.error}; ask again")
            if answer.comparison is None:
                return
            yield answer.comparison
    except (OSError, msgspec.MsgspecError) as error:
        raise BrokerUnreachable(f"{path}: the book stopped answering ({error})") from error
    raise BrokerUnreachable(f"{path}: the book stopped before every account was compared")
