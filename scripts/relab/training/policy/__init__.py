"""Training a policy by rewards: answers are sampled, scored, and made more or less probable."""
