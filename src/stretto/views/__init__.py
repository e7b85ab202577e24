"""Query tables: projections of the journal, their rebuild, the queries over them and their export.

Everything here follows from journal entries alone and can be thrown away and rebuilt. Knows no
concrete journal: entries arrive as values, rows go through the connection it hands in.
"""
