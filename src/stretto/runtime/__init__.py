"""The shell around the core: one writer per book, timers, dispatch, recovery."""
