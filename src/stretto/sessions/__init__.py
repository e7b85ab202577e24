"""Sessions: a demo or a configured book, started, stopped, resumed and read.

The place where arguments and settings become a ``bootstrap.Scenario``. Knows no terminal: what is
shown and how is the command line's affair.
"""
