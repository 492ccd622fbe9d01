"""Chapter C: the lab sheet on GPT-2."""
