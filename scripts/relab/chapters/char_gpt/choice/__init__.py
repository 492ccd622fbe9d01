"""Row A8: choosing an answer by ranking the choices on frozen features."""
