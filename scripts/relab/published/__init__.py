"""Importing what others published: the files of an asset become a model directory or a tokenizer directory like our own.

`files` says which file is what, `model` and `tokenizer` import, `gguf` reads that one format. No code that comes with the
files ever runs: none is put where Transformers would look for it, and it is told to trust none.
"""
