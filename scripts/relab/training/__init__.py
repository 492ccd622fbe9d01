"""Training a language model: one loop, which survives being killed.

`program` is what the programs share, `job` turns files into files, `finetuning` starts from a model directory, `loop` is the
loop, `batches` what it reads, `optimizer` and `schedule` how it steps, `state` its checkpoints, `history` and `losses` what it
writes down, `signals` how it is stopped.
"""
