"""A9: retrieval by the cosine of frozen features, beside BM25 and the fusion of both."""
