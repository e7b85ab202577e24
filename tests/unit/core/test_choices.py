"""Every question to a person says what can be done, in commands that there are."""

from __future__ import annotations

import re

import pytest

from stretto.cli.app import app
from stretto.cli.people import AccountAction, ExecutionAction
from stretto.core.reconciling.reconciliation_positions import POSITION_CHOICES
from stretto.core.terms.choices import CHOICES, ENTRY_HELD, EXIT_HELD, choices
from stretto.core.terms.intervention import Fate

TEXTS = [*CHOICES.values(), ENTRY_HELD, EXIT_HELD, POSITION_CHOICES]
COMMANDS = {command.name for command in app.registered_commands}
ACTIONS = {each.value for each in (*ExecutionAction, *AccountAction, *Fate)}


@pytest.mark.requirement("R5.5")
@pytest.mark.parametrize("text", TEXTS)
def test_a_command_that_is_named_exists(text: str) -> None:
    for name, rest in re.findall(r"`stretto (\w+)([^`]*)`", text):
        assert name in COMMANDS
        assert all(word in ("adopt", "cancel", "dismiss") for word in rest.split())
    for action in re.findall(r"\b[a-z]+-[a-z]+\b", text):
        assert action in ACTIONS


def test_what_nobody_has_words_for_is_left_out() -> None:
    assert choices("no such reason") == {}
    assert choices("no such reason", EXIT_HELD) == {"can_be_done": EXIT_HELD}
