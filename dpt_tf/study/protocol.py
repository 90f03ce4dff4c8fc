"""What workers are asked, and which figures come of it (Sec. 4.3, Table 2).

"Following the protocol of [5]: we show 55 real and 55 generated images in a random order to 30 users for one second."
Three evaluations, each a task here: is the picture real or fake; is it anatomically plausible; are a target and a
generated picture in the same pose.

Note:
  The paper says no more. As in the protocols that [5] follows, the first pictures of a task, 5 of either kind, are for
  practice and count nowhere, so 50 and 50 count; a picture is seen for its whole second, then it is gone, and the
  answer may take any time. Practice is told right or wrong where there is a truth (realism). All workers see the same
  pictures, each in an order of their own; realism is asked first, for the other tasks show the pictures again.
"""

import dataclasses

COUNT = 55
PRACTICE = 5
EXPOSURE = 1.0
KINDS = ("real", "generated")


@dataclasses.dataclass(frozen=True)
class Task:
    """A question about pictures.

    Attributes:
      name: as answers and addresses have it.
      about: what a worker reads before, in short paragraphs.
      question: what stands under each picture.
      answers: the two that there are, the first on the left.
      kinds: whose pictures are asked about; a pair counts as its generated picture.
    """

    name: str
    about: tuple[str, ...]
    question: str
    answers: tuple[str, str]
    kinds: tuple[str, ...] = KINDS

    @property
    def has_truth(self) -> bool:
        """Whether practice can be told right or wrong."""
        return self.name == "realism"


TASKS = {
    task.name: task
    for task in (
        Task(
            "realism",
            (
                "You will see pictures of people, one after another.",
                "Half of them are real photos; the other half were painted by a computer.",
            ),
            "Is this picture real or fake?",
            ("real", "fake"),
        ),
        Task(
            "anatomy",
            (
                "You will see pictures of people, one after another, some real, some painted by a computer.",
                "Say of each whether the body could be a human body: limbs that are all there, in one piece, "
                "of the right shape and in the right place. Whether the picture is real does not matter.",
            ),
            "Is the body anatomically plausible?",
            ("plausible", "implausible"),
        ),
        Task(
            "pose",
            (
                "You will see two pictures side by side.",
                "Say whether both show the same pose: head, arms, legs and the direction the body faces. Faces, "
                "clothes and the quality of the pictures do not matter.",
            ),
            "Are both in the same pose?",
            ("same", "different"),
            ("generated",),
        ),
    )
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """A column of Table 2: how many in a hundred of a kind got an answer."""

    name: str
    task: str
    kind: str
    answer: str


FIGURES = (
    Figure("R2G", "realism", "real", "fake"),
    Figure("G2R", "realism", "generated", "real"),
    Figure("anatomy, real", "anatomy", "real", "plausible"),
    Figure("anatomy, gen.", "anatomy", "generated", "plausible"),
    Figure("pose, gen.", "pose", "generated", "same"),
)

PAPER = {
    "G1+G2+D, in the paper": (9.2, 14.9, None, None, None),
    "DSC, experts, in the paper": (12.4, 24.6, None, None, None),
    "DSC, AMT, in the paper": (11.8, 23.5, 77.5, 34.1, 69.3),
    "DPT, AMT, in the paper": (13.1, 17.2, 75.6, 40.7, 78.2),
}
"""Table 2, in the order of `FIGURES`."""
