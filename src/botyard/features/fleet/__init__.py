"""Remote agents: commands, presence, logs, messages and what they sync."""
