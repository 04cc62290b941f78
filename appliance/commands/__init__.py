"""The commands, one file for each group; loaded only when called."""
