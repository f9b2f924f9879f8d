// {{name}}: agents who have the skills that are needed, the best skilled and longest idle first.
import { config } from "./cordboard/common.js";
import { scorer } from "./cordboard/scorer.js";

export const guest = scorer({
  parts: ["skill", "idle"],

  /** Once, with the columns there are; what it returns scores each agent. */
  configure(columns) {
    // What is needed beside what there is, skill by skill.
    const skills = columns.skills();
    const idleMs = columns.agent("idle-ms");
    const weight = config.number("skill-weight", 10);

    /** The parts of the score, whose sum it is; undefined: this agent must not get this contact. */
    return (contact, agent) => {
      let beyond = 0;
      for (const [needed, has] of skills) {
        const level = contact.get(needed);
        if (level === undefined) continue;
        const there = agent.get(has) ?? 0;
        if (there < level) return undefined;
        beyond += there - level;
      }
      return [beyond * weight, (agent.get(idleMs) ?? 0) / 1000];
    };
  },
});
