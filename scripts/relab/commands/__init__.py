"""The subcommands of ``relab``, a module each; what needs a heavy import makes it inside ``main``."""
