// Scorers: how well does each agent suit this contact? See scorer.d.ts for what everything is.

const invalid = (val) => ({ tag: "invalid", val });

/** A column it can't do without is missing. */
export class Missing extends Error {}

function take(offered, taken, name) {
  if (!offered.includes(name)) throw new Missing(name);
  const at = taken.indexOf(name);
  return at >= 0 ? at : taken.push(name) - 1;
}

class Columns {
  taken = { contact: [], agent: [] };

  constructor(offered) {
    this.offered = offered;
  }
  contact(name) {
    return take(this.offered.contact, this.taken.contact, name);
  }
  agent(name) {
    return take(this.offered.agent, this.taken.agent, name);
  }
  skills() {
    const needed = this.offered.contact.filter((name) => name.startsWith("needs:")).map((name) => name.slice(6));
    const both = needed.filter((skill) => this.offered.agent.includes(`skill:${skill}`));
    return both.map((skill) => [this.contact(`needs:${skill}`), this.agent(`skill:${skill}`)]);
  }
}

const row = (numbers) => ({ get: (column) => (Number.isNaN(numbers[column]) ? undefined : numbers[column]) });

/** Makes a plugin: `export const guest = scorer({ parts, configure })`. */
export function scorer({ parts: names = ["score"], configure }) {
  let score;
  let width = 0;
  return {
    configure(offered) {
      const columns = new Columns(offered);
      try {
        score = configure(columns);
      } catch (error) {
        if (error instanceof Missing) throw { tag: "missing", val: error.message };
        throw invalid(String(error));
      }
      width = columns.taken.agent.length;
      return { ...columns.taken, parts: [...names] };
    },
    score(contact, agents, withParts) {
      if (!score || width === 0) throw invalid("not configured");
      const rows = [];
      const parts = [];
      const one = row(contact);
      for (let at = 0; at < agents.length; at += width) {
        const scored = score(one, row(agents.slice(at, at + width)));
        rows.push(scored ? { tag: "value", val: scored.reduce((sum, part) => sum + part, 0) } : { tag: "refuse" });
        if (withParts) parts.push(...(scored ?? names.map(() => 0)));
      }
      return { rows, parts };
    },
  };
}
