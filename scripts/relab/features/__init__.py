"""Features: texts as vectors of a frozen encoder, computed once for each text and stored in safetensors."""
