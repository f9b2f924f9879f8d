// Dialers: how many people to call now, whom first, and when to try again? See dialer.d.ts for what everything is.

const ms = (seconds) => Math.max(Math.round(seconds * 1000), 0);

/** Not before so many seconds from now. */
export const after = (seconds) => ({ tag: "after-ms", val: ms(seconds) });
/** Not in this campaign. */
export const never = (why) => ({ tag: "never", val: why });

/** Makes a plugin: `export const guest = dialer({ columns, reasons, configure })`. */
export function dialer({ columns = [], reasons = [], configure }) {
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
      return { columns: [...columns], reasons: [...reasons] };
    },
    propose(figures, leads) {
      const { dial, order, again, reasons: why = [] } = configured().propose(figures, leads);
      return { dial, order, againMs: ms(again), reasons: why };
    },
    retry: (lead, ended, nowMs) => configured().retry(lead, ended, nowMs),
  };
}
