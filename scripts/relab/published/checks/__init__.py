"""What an import is held to before it is kept, by a few short texts: what it is run as must be what it is.

An architecture that is not run as it was made gives texts and scores all the same, only wrong ones: one with a state of another
name would be sampled as if it saw one token, one that reads both ways would be scored by what it has seen. It is refused here.
Every check takes a few forward passes on a few tokens. Each kind has a module, so that an import depends on the code that runs
its kind alone.
"""
