"""Fine-tuned classifiers: what is read and what is not, networks and adapters, errors in a sentence, histories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from peft import AutoPeftModelForSequenceClassification  # noqa: F401 - imported once: it takes seconds
from support.classifiers import CLASSES, LORA, SPEC, STEPS, lines, make_models
from support.tiny_bert import WORDS, config  # noqa: F401
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from relab import characters
from relab.checkpoints import load_tokenizer
from relab.classifiers import job as jobs
from relab.classifiers import network, predictions, texts
from relab.classifiers.job import Job
from relab.classifiers.progress import COLUMNS
from relab.datasets import storage
from relab.errors import UserError
from relab.files import read_csv
from relab.settings.classifiers import FinetunedClassifier
from relab.training.signals import Stop
from relab.training.state import State
