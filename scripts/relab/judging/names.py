"""Names that judgements share with what is made of them."""

#: The source, and the method, of held-out documents among the judged texts; no sampling may have this name.
HUMAN = "human"
