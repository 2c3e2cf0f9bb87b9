"""The command line: `swarmnas`."""
