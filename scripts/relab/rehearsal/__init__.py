"""Rehearsals: a configuration's whole DAG on small stand-ins of everything that it would download."""
