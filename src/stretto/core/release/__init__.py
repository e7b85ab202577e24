"""From the signal to the send: intake, release, completion and rerouting."""
