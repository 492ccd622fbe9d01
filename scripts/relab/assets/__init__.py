"""Downloads: found in the cache that all runs share, or fetched from the first source that has them, and checked."""
