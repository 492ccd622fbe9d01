"""Importing published models and tokenizers: the files of an asset become a model or tokenizer directory.

`files` finds out which file is what, `model`, `encoder` and `tokenizer` import, `weights` and `gguf` read them;
what they read is held to `checks` before it is kept. No code that comes with the files ever runs: none is put where
Transformers would look for it, and `trust_remote_code` is off.
"""
