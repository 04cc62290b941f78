"""The web user interface. Nothing here yet: version 0.1 is used from the command line."""
