/** Scorers: how well does each agent suit this contact? A scorer keeps nothing from one decision to the next. */

/** A column it can't do without is missing. */
export declare class Missing extends Error {}

/** A column that was taken. */
export type Column = number & { readonly column: unique symbol };

/**
 * The columns that can be had: of a contact `waited-ms`, `priority`, `needs:SKILL`, its attributes; of an agent `idle-ms`,
 * `handled`, `skill:SKILL`, its attributes.
 */
export interface Columns {
  /** Takes a column of the contact. Throws `Missing` if there is none. */
  contact(name: string): Column;
  /** Takes a column of the agents. Throws `Missing` if there is none. */
  agent(name: string): Column;
  /** The skills that some contact may need and some agent may have: for each the level needed and the level there is. */
  skills(): [needed: Column, has: Column][];
}

/** The numbers of a contact or an agent. */
export interface Row {
  /** The number in a column, if there is one. */
  get(column: Column): number | undefined;
}

/** The parts of a score, whose sum it is; undefined: this agent must not get this contact. */
export type Score = (contact: Row, agent: Row) => number[] | undefined;

/** Makes a plugin: `export const guest = scorer({ parts, configure })`. */
export declare function scorer(of: {
  /** The names of the parts that a score is the sum of, at most 16. */
  parts?: readonly string[];
  /** Once for each instance, before any decision. */
  configure(columns: Columns): Score;
}): object;
