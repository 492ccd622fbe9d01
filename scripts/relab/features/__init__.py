"""Features: texts as vectors of a frozen encoder, computed once a text and kept in safetensors."""
