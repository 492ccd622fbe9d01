"""Settings of what the rows of preference data are: columns of texts, dialogues, lists of messages, labelled texts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from relab.settings.base import Int, Settings, kind_or
from relab.settings.corpora import CellValue, NonEmpty

#: What parts a prompt from its answers.
JOIN = Field("", description="What is put before each answer, such as a blank where answers begin with none.")


class TextColumns(Settings):
    """A column of prompts and two of answers: what is meant where no kind is named. The texts are kept as they stand, with
    the blanks at their ends. A prompt and an answer behind it make one text.
    """

    kind: Literal["columns"] = "columns"
    prompt: NonEmpty = Field("prompt", description="The column of the prompt. A point leads inside: `texts.prompt`.")
    chosen: NonEmpty = Field("chosen", description="The column of the answer that was preferred.")
    rejected: NonEmpty = Field("rejected", description="The column of the other answer.")
    join: str = JOIN


class Dialogues(Settings):
    """Two columns of whole dialogues, the turns of which begin with a line `Human:` or `Assistant:` after an empty one (as in
    HH-RLHF). The prompt is their common beginning up to its last `Assistant:`, with that word.
    """

    kind: Literal["dialogues"]
    chosen: NonEmpty = Field("chosen", description="The column of the dialogue whose end was preferred.")
    rejected: NonEmpty = Field("rejected", description="The column of the other dialogue.")


class Messages(Settings):
    """Two columns of lists of messages, each with a `role` and a `content` (as in UltraFeedback). The last message of a list is
    the answer; those before it must be the same in both lists.
    """

    kind: Literal["messages"]
    prompt: NonEmpty | None = Field(
        None,
        description="The column of the prompt, a text or a list of messages; none: the contents of the messages before the "
        "answer, parted by empty lines.",
    )
    chosen: NonEmpty = Field("chosen", description="The column of the messages whose last one was preferred.")
    rejected: NonEmpty = Field("rejected", description="The column of the other messages.")
    join: str = JOIN


class LabelledTexts(Settings):
    """Texts with labels, of which pairs are drawn: two texts that begin with the same words, as they stand. The prompt is
    these words, the answers are the rests of the texts, so that prompt and answer together are the text. A text is in one
    pair at most.
    """

    kind: Literal["labelled"]
    text: NonEmpty = Field("text", description="The column of the text.")
    label: NonEmpty = Field("label", description="The column of the label.")
    preferred: CellValue = Field(description="The label of the texts that are preferred.")
    other: CellValue = Field(description="The label of those that are not. Texts of further labels are left out.")
    words: Int = Field(1, description="Words that make the prompt, parted by blanks.", ge=1)
    pairs: Int | None = Field(
        None, description="Pairs of one prompt at most, drawn by the seed; none: as many as there are.", ge=1
    )

    @model_validator(mode="after")
    def _labels_differ(self):
        if self.preferred == self.other:
            raise ValueError(f"expected two labels, preferred and other, found {self.other!r} for both")
        return self


PreferenceForm = Annotated[
    Annotated[TextColumns, Tag("columns")]
    | Annotated[Dialogues, Tag("dialogues")]
    | Annotated[Messages, Tag("messages")]
    | Annotated[LabelledTexts, Tag("labelled")],
    Discriminator(kind_or("columns")),
]
