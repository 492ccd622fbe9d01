"""The kinds of artefacts that are declared by name: a module a kind, with its files and what its jobs read and need."""
