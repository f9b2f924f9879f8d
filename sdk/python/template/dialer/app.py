"""{{name}}: calls as many people as will be answered when agents are free, and fewer the more calls were abandoned."""

from datetime import timedelta

from cordboard import config
from cordboard.dialer import After, Never, Proposal, dialer, wit

MINUTE = timedelta(minutes=1)


@dialer
class {{Name}}:
    """The decorated class is the plugin: made once, then asked while the campaign runs."""

    reasons = ("calls for each free agent",)

    def __init__(self, offered):
        self.max_attempts = config.read("max-attempts", int, 5)

    def propose(self, figures, leads) -> Proposal:
        by = pace(figures)
        free = figures.agents_ready + (figures.agents_expected if by > 1 else 0)
        dial = int(free * by) - figures.ringing - figures.waiting
        order = [lead for lead in leads if lead.attempts < self.max_attempts]
        # Promises first, then whom we tried least.
        order.sort(key=lambda lead: (lead.promised_ms is None, lead.promised_ms or 0, lead.attempts))
        return Proposal(min(max(dial, 0), figures.most), [lead.id for lead in order], timedelta(seconds=2), [by])

    def retry(self, lead, ended, now_ms) -> After | Never:
        if lead.attempts >= self.max_attempts:
            return Never(f"tried {lead.attempts} times")
        match ended:
            case wit.Outcome_Busy():
                return After(10 * MINUTE)
            case wit.Outcome_NoAnswer() | wit.Outcome_Machine():
                return After(240 * MINUTE)
            case wit.Outcome_Abandoned() | wit.Outcome_Failed() | wit.Outcome_Other():
                return After(60 * MINUTE)
        return Never(type(ended).__name__.removeprefix("Outcome_").lower())


def pace(figures) -> float:
    """How many people to call for each agent who is or becomes free."""
    match figures.mode:
        case wit.Mode_Power():
            return 1.0 if figures.ratio is None else figures.ratio
        case wit.Mode_Predictive():
            answered = max(1.0 if figures.answer_rate is None else figures.answer_rate, 0.1)
            # At the cap of abandoned calls, one call for each agent is all there is.
            room = min(max(1 - figures.abandon_rate / max(figures.abandon_cap, 0.001), 0.0), 1.0)
            return 1 + (1 / answered - 1) * room
    return 1.0
