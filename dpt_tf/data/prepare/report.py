"""What came of a build, for people: items, views and pairs of each split, what was left out and why."""

import collections
import dataclasses
import json

from dpt_tf.data.prepare.catalogue import Fault
from dpt_tf.data.prepare.pipeline import Outcome

NAME = "report"
_SHOWN = 3


@dataclasses.dataclass
class Report:
    """A build's outcome."""

    name: str
    """Of the data set and its config."""
    image_size: int
    splits: dict[str, Outcome]
    faults: list[Fault]
    """What was left out before a picture was opened."""
    notes: list[str]

    def all_faults(self) -> list[Fault]:
        """Everything that was left out."""
        return self.faults + [fault for outcome in self.splits.values() for fault in outcome.faults]

    def summary(self) -> str:
        """A screenful: counts, the first few of each kind of fault."""
        return "\n".join([*self._counts(), *self._faults(_SHOWN)])

    def text(self) -> str:
        """The whole: every fault in a line of its own."""
        return "\n".join([*self._counts(), *self._faults(None)]) + "\n"

    def json(self) -> str:
        """The same for programs."""
        splits = {
            split: {**dataclasses.asdict(outcome.counts), "num_bytes": outcome.num_bytes, "maps": outcome.tally}
            for split, outcome in self.splits.items()
        }
        faults = [dataclasses.asdict(fault) for fault in self.all_faults()]
        return json.dumps({"name": self.name, "splits": splits, "notes": self.notes, "left_out": faults}, indent=1)

    def _counts(self) -> list[str]:
        lines = [f"{self.name}: {self.image_size} pixels"]
        tally: collections.Counter = collections.Counter()
        for split, outcome in self.splits.items():
            counts = outcome.counts
            lines.append(f"  {split:5}  {counts.items} items, {counts.views} views, {counts.pairs} pairs")
            tally.update(outcome.tally)
        lines += [f"  {count} x {name}" for name, count in sorted(tally.items())]
        return lines + [f"  {note}" for note in self.notes]

    def _faults(self, most: int | None) -> list[str]:
        kinds: dict[str, list[Fault]] = collections.defaultdict(list)
        for fault in self.all_faults():
            kinds[fault.kind].append(fault)
        lines = []
        for kind, faults in sorted(kinds.items(), key=lambda entry: -len(entry[1])):
            lines.append(f"  left out, {kind}: {len(faults)}")
            shown = faults if most is None else faults[:most]
            lines += [f"    {fault.reason or fault.path}" for fault in shown]
            if len(faults) > len(shown):
                lines.append(f"    and {len(faults) - len(shown)} more, all in {NAME}.txt")
        return lines
