"""The words that everything shares: records, settings and messages, without a decision."""
