"""The journal: what was handled, in order, hash-chained and durable (DESIGN §6, docs/journal.md).

``chain`` links and verifies, ``codec`` turns objects into stored bytes and back for ever,
``sqlite`` keeps entries on disk, ``memory`` is the reference for the same contract, ``snapshot``
caches states.
Knows nothing of what an entry means.
"""
