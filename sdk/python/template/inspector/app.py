"""{{name}}: finds promises that agents may not make, and people who are angry."""

from cordboard import config
from cordboard.inspector import finding, inspector, span, wit


@inspector
class {{Name}}:
    """The decorated class is the plugin: made once, then asked during talks and at their ends."""

    rules = {"forbidden-promise": "The agent made a promise that nobody may make"}
    emotions = ("anger",)
    parts = ("promises",)

    def __init__(self, offered):
        promises = config.get("promises", "guarantee,no risk,always refund")
        self.promises = [text.strip() for text in promises.split(",") if text.strip()]

    def inspect(self, talk, turns, first_new) -> wit.Inspection:
        new = [turn for turn in turns if turn.index >= first_new]
        felt = [anger(turn) for turn in new if isinstance(turn.speaker, wit.Speaker_Person)]
        emotions = [wit.Emotion(wit.Speaker_Person(), [max(felt)])] if felt else []
        return wit.Inspection(self.promised(new)[:64], emotions)

    def summarise(self, talk, turns, told) -> wit.Summary:
        findings = self.promised(turns)[:256]
        score = max(100.0 - 25.0 * len(findings), 0.0)
        return wit.Summary(parts=[score], findings=findings, review=bool(findings), text=None)

    def promised(self, turns) -> list[wit.Finding]:
        found = []
        for turn in turns:
            if not isinstance(turn.speaker, wit.Speaker_Agent):
                continue
            # Case folded letter by letter, every character stays at its place.
            text = "".join(c.lower() if len(c.lower()) == 1 else c for c in turn.text)
            for promise in self.promises:
                if (at := text.find(promise)) >= 0:
                    where = span(turn, at, at + len(promise))
                    say = "Say what is certain, and no more."
                    found.append(finding("forbidden-promise", wit.Severity_Serious(), turn, at=where, prompt=say))
                    break
        return found


def anger(turn) -> float:
    """Angry people raise their voice; where there is no voice, they write in capitals."""
    if turn.voice:
        return min(max((turn.voice.loudness_db + 30) / 30, 0.0), 1.0)
    letters = [c for c in turn.text if c.isalpha()]
    return sum(c.isupper() for c in letters) / max(len(letters), 1)
