"""Names of what rows score of models and beside them: an experiment is ``{experiment of the row}/{system}``."""

MODEL = "model"

#: What a model that knows the grammar of its text would reach, one that knows the frequencies in the training text, and a
#: uniform guess.
GRAMMAR, TRAINING_TEXT, UNIFORM = "grammar", "training text", "uniform"
