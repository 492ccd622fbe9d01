"""Chapter D: a story generator beside GPT2-XL."""
