"""Training a language model: one loop, which survives being killed.

`program` is what the programs share, `job` turns files into files, `finetuning` starts from a model directory, `loop` is the
training loop, `batches` its data, `optimizer` and `schedule` its updates, `state` its checkpoints, `history` and `losses` its
records, `signals` how it is stopped.
"""
