"""For each planted defect a seed that catches it, as ``find`` printed it."""

from __future__ import annotations

CANARY = "canary"
COMMON = (9, 2, 5)
"""Seeds that catch most defects, and take little time."""

SEEDS: dict[str, int] = {
    "adopt-an-unknown-position": 5,  # 4
    "ask-again-at-once": 9,  # 12
    "ask-for-as-much-again": 43,  # 13
    "ask-for-ever": 9,  # 13
    "believe-an-old-view": 2,  # 10
    "believe-any-venue-s-silence": 1,  # 7
    "believe-no-cancel-but-ones-own": 9,  # 16
    "book-an-exit-on-its-own": 1,  # 0
    "close-what-a-view-lacks": 5,  # 8
    "copy-against-a-rulebook": 9,  # 10
    "count-a-status-as-a-fill": 1,  # 4
    "count-an-overfill-as-filled": 9,  # 2
    "decide-by-what-no-journal-holds": 9,  # 15
    "drop-a-duplicate-check": 1,  # 4
    "enter-a-closed-session": 40,  # 10
    "enter-a-halted-account": 2,  # 10
    "enter-against-a-rulebook": 2,  # 10
    "enter-an-account-before-it-was-compared": 2,  # 10
    "enter-an-excluded-account": 1,  # 10
    "enter-past-an-open-circuit": 6,  # 10
    "enter-without-a-sign-of-life": 5,  # 10
    "fire-a-timer-early": 9,  # 12
    "fire-a-timer-twice": 9,  # 12
    "forget-that-a-venue-is-throttled": 5,  # 10
    "forget-what-is-left": 1,  # 3
    "free-a-reservation-twice": 9,  # 9
    "give-up-on-doubt-without-a-word": 9,  # 16
    "go-on-after-a-failed-append": 1,  # 0
    "go-on-while-paused": 41,  # 11
    "ignore-a-bust": 1,  # 4
    "ignore-a-kill-switch": 1,  # 11
    "ignore-a-late-fill": 1,  # 4
    "keep-a-reservation-on-a-fill": 9,  # 9
    "keep-the-fee-of-a-bust": 1,  # 4
    "keep-the-price-that-was-corrected": 1,  # 4
    "leave-an-entry-out-of-the-journal": 9,  # 0
    "let-an-end-keep-its-reservation": 9,  # 9
    "let-an-old-snapshot-confirm-a-fill": 1,  # 9
    "let-an-overfill-pass": 9,  # 2
    "let-the-filled-quantity-fall": 5,  # 5
    "let-time-run-backwards": 13,  # 0
    "lose-a-fill-on-reconnect": 1,  # 17
    "lose-the-timers-in-a-snapshot": 8,  # 12
    "lose-what-an-order-leaves": 9,  # 0
    "miss-the-end-of-the-window-by-a-second": 1,  # 13
    "miss-what-the-venue-closed": 8,  # 4
    "move-a-position-the-wrong-way": 9,  # 8
    "plan-without-a-reservation": 1,  # 9
    "release-all-that-is-overdue-at-once": 1,  # 13
    "release-within-the-first-second": 9,  # 13
    "reroute-and-send-again": 1,  # 2
    "reroute-what-is-in-doubt": 9,  # 2
    "reroute-without-a-reservation": 1,  # 9
    "retry-after-one-view-without-the-order": 2,  # 7
    "retry-at-once": 9,  # 13
    "retry-for-ever": 9,  # 13
    "retry-more-than-was-left": 9,  # 0
    "send-again-after-a-restart": 9,  # 1
    "send-again-on-a-timeout": 1,  # 1
    "send-late-rather-than-never": 1,  # 13
    "send-past-send-before": 10,  # 14
    "take-a-cancel-reject-for-a-cancel": 2,  # 6
    "take-a-refused-duplicate-for-a-refusal": 7,  # 7
    "take-a-timeout-for-a-rejection": 1,  # 7
    "take-an-unknown-write-for-none": 1,  # 7
    "take-ids-that-come-again-for-repeats": 15,  # 17
    "throw-a-kill-switch-and-cancel-nothing": 4,  # 11
    "try-a-closed-market-again": 5,  # 13
    "wait-for-ever-for-an-answer": 9,  # 16
    "widen-a-stop-and-risk-more": 11,  # 9
    "write-beside-a-successor": 5,  # 14
}
