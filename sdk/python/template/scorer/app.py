"""{{name}}: agents who have the skills that are needed, the best skilled and longest idle first."""

from typing import Optional

from cordboard import config
from cordboard.scorer import Columns, Row, scorer


@scorer
class {{Name}}:
    """The decorated class is the plugin: made once with the columns there are, then asked for scores."""

    parts = ("skill", "idle")

    def __init__(self, columns: Columns):
        # What is needed beside what there is, skill by skill.
        self.skills = columns.skills()
        self.idle_ms = columns.agent("idle-ms")
        self.skill_weight = config.read("skill-weight", float, 10.0)

    def score(self, contact: Row, agent: Row) -> Optional[tuple[float, ...]]:
        """The parts of the score, whose sum it is; None: this agent must not get this contact."""
        beyond = 0.0
        for needed, has in self.skills:
            level = contact.get(needed)
            if level is None:
                continue
            if agent.get(has, 0.0) < level:
                return None
            beyond += agent.get(has) - level
        return beyond * self.skill_weight, agent.get(self.idle_ms, 0.0) / 1000
