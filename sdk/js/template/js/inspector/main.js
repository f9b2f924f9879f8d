// {{name}}: finds promises that agents may not make, and people who are angry.
import { config } from "./cordboard/common.js";
import { finding, inspector, span } from "./cordboard/inspector.js";

const rule = "forbidden-promise";

export const guest = inspector({
  rules: { [rule]: "The agent made a promise that nobody may make" },
  emotions: ["anger"],
  parts: ["promises"],

  /** Once; what it returns is asked during talks and at their ends. */
  configure() {
    const listed = config.get("promises", "guarantee,no risk,always refund").split(",");
    const promises = listed.map((text) => text.trim()).filter((text) => text);
    return {
      inspect(talk, turns, firstNew) {
        const fresh = turns.filter((turn) => turn.index >= firstNew);
        const felt = fresh.filter((turn) => turn.speaker.tag === "person").map(anger);
        const emotions = felt.length ? [{ speaker: { tag: "person" }, numbers: [Math.max(...felt)] }] : [];
        return { findings: promised(fresh, promises).slice(0, 64), emotions };
      },

      summarise(talk, turns) {
        const findings = promised(turns, promises).slice(0, 256);
        return { parts: [Math.max(100 - 25 * findings.length, 0)], findings, review: findings.length > 0 };
      },
    };
  },
});

function promised(turns, promises) {
  const agents = turns.filter((turn) => turn.speaker.tag === "agent");
  return agents.flatMap((turn) => {
    for (const promise of promises) {
      // What is promised is written in lower case; of ASCII alone every character stays at its place.
      const at = turn.text.replace(/[A-Z]/g, (c) => c.toLowerCase()).indexOf(promise);
      if (at >= 0) {
        const where = span(turn, at, at + promise.length);
        return [finding(rule, "serious", turn, { span: where, prompt: "Say what is certain, and no more." })];
      }
    }
    return [];
  });
}

/** Angry people raise their voice; where there is no voice, they write in capitals. */
function anger(turn) {
  if (turn.voice) return Math.min(Math.max((turn.voice.loudnessDb + 30) / 30, 0), 1);
  const letters = turn.text.match(/\p{L}/gu) ?? [];
  return letters.filter((c) => c !== c.toLowerCase()).length / Math.max(letters.length, 1);
}
