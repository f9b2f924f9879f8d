// Inspectors: what is remarkable in this talk, and how do people feel? See inspector.d.ts for what everything is.

const bytes = (text) => unescape(encodeURIComponent(text)).length;

/** A part of a turn's text: the contract counts bytes, JavaScript UTF-16. */
export const span = (turn, start, end) => ({ start: bytes(turn.text.slice(0, start)), end: bytes(turn.text.slice(0, end)) });

/** A finding about a turn. */
export const finding = (rule, severity, turn, { span = null, confidence = 1, note = null, prompt = null } = {}) => ({
  rule,
  severity: { tag: severity },
  turn: turn.index,
  span,
  confidence,
  note,
  prompt,
});

/** Makes a plugin: `export const guest = inspector({ rules, emotions, parts, attributes, configure })`. */
export function inspector({ rules = {}, emotions = [], parts = [], attributes = [], configure }) {
  let made;
  const configured = () => {
    if (!made) throw { tag: "invalid", val: "not configured" };
    return made;
  };
  return {
    configure(offered) {
      try {
        made = configure(offered);
      } catch (error) {
        throw { tag: "invalid", val: String(error) };
      }
      const named = Object.entries(rules).map(([id, title]) => ({ id, title }));
      return { attributes: [...attributes], rules: named, emotions: [...emotions], parts: [...parts] };
    },
    inspect: (talk, turns, firstNew) => configured().inspect(talk, turns, firstNew),
    summarise(talk, turns, told) {
      const { text = null, ...summary } = configured().summarise(talk, turns, told);
      return { ...summary, parts: summary.parts.map((part) => part ?? null), text };
    },
  };
}
