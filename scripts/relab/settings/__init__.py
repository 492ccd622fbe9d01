"""Typed settings: what a user may write in ``config/``, a module a stage.

Nothing is imported here: a job's program that needs one module of settings must not depend on the others, since its
code digest (:mod:`relab.digest`) would change with them.
"""
