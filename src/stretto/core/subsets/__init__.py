"""The best subset of candidates without a conflict, with a stated bound."""
