// {{name}}: calls as many people as will be answered when agents are free, and fewer the more calls were abandoned.
import { config } from "./cordboard/common.js";
import { after, dialer, never, type Figures } from "./cordboard/dialer.js";

const minute = 60;

export const guest = dialer({
  reasons: ["calls for each free agent"],

  /** Once; what it returns is asked while the campaign runs. */
  configure() {
    const maxAttempts = config.number("max-attempts", 5);
    return {
      propose(figures, leads) {
        const by = pace(figures);
        const free = figures.agentsReady + (by > 1 ? figures.agentsExpected : 0);
        const dial = Math.floor(free * by) - figures.ringing - figures.waiting;
        // Promises first, then whom we tried least.
        const order = leads
          .filter((lead) => lead.attempts < maxAttempts)
          .sort((a, b) => (a.promisedMs ?? Infinity) - (b.promisedMs ?? Infinity) || a.attempts - b.attempts);
        return {
          dial: Math.min(Math.max(dial, 0), figures.most),
          order: order.map((lead) => lead.id),
          again: 2,
          reasons: [by],
        };
      },

      retry(lead, ended) {
        if (lead.attempts >= maxAttempts) return never(`tried ${lead.attempts} times`);
        switch (ended.tag) {
          case "busy":
            return after(10 * minute);
          case "no-answer":
          case "machine":
            return after(240 * minute);
          case "abandoned":
          case "failed":
          case "other":
            return after(60 * minute);
          default:
            return never(ended.tag);
        }
      },
    };
  },
});

/** How many people to call for each agent who is or becomes free. */
function pace(figures: Figures): number {
  switch (figures.mode.tag) {
    case "power":
      return figures.ratio ?? 1;
    case "predictive": {
      const answered = Math.max(figures.answerRate ?? 1, 0.1);
      // At the cap of abandoned calls, one call for each agent is all there is.
      const room = Math.min(Math.max(1 - figures.abandonRate / Math.max(figures.abandonCap, 0.001), 0), 1);
      return 1 + (1 / answered - 1) * room;
    }
    default:
      return 1;
  }
}
