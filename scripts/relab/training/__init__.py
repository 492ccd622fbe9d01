"""Training a language model: one loop, which survives being killed.

`job` turns files into files, `loop` is the loop, `batches` what it reads, `schedule` its learning rate, `state` its
checkpoints, `history` what it writes down, `signals` how it is stopped.
"""
