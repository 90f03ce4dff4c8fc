"""The paper's tables as experiments: every row trained and scored the same way, and what its orderings come to."""
