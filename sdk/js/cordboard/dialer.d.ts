/** Dialers. The host decides: a dialer can call too few people, never too many or the wrong ones. Ratios are from 0 to 1. */

/** A case of a variant of the contract. */
export interface Case<T extends string = string> {
  tag: T;
  val?: string;
}

/** The campaign at one moment; `dialer.wit` says what each of them is. */
export interface Figures {
  nowMs: number;
  mode: Case<"preview" | "progressive" | "power" | "predictive" | "other">;
  ratio: number | null;
  agentsReady: number;
  agentsTalking: number;
  agentsWrappingUp: number;
  agentsExpected: number;
  ringing: number;
  waiting: number;
  linesFree: number;
  most: number;
  answerRate: number | null;
  ringTimeMs: number;
  handleTimeMs: number;
  abandonRate: number;
  abandonCap: number;
  leadsReady: number;
}

/** How an attempt went. */
export type Outcome = Case<
  | "talked"
  | "abandoned"
  | "no-answer"
  | "busy"
  | "rejected"
  | "machine"
  | "fax"
  | "unreachable"
  | "failed"
  | "other"
>;

/** Someone who can be called. */
export interface Lead {
  id: string;
  numbers: number[];
  attempts: number;
  latest: { atMs: number; localMinute: number; localWeekday: number; outcome: Outcome; talkedMs: number }[];
  localMinute: number;
  localWeekday: number;
  promisedMs: number | null;
}

/** What to do now. */
export interface Proposal {
  dial: number;
  /** Ids of leads, the best first. */
  order: string[];
  /** When to ask again at the latest, in seconds. */
  again: number;
  /** A number for each of the reasons. */
  reasons?: number[];
}

export type NextTry = { tag: "after-ms"; val: number } | { tag: "never"; val: string };
/** Not before so many seconds from now. */
export declare function after(seconds: number): NextTry;
/** Not in this campaign, and why. */
export declare function never(why: string): NextTry;

/** Makes a plugin: `export const guest = dialer({ columns, reasons, configure })`. */
export declare function dialer(of: {
  /** The columns of leads it wants. */
  columns?: readonly string[];
  /** The names of the figures that explain a proposal. */
  reasons?: readonly string[];
  /** Once for each instance. */
  configure(offered: string[]): {
    propose(figures: Figures, leads: Lead[]): Proposal;
    retry(lead: Lead, ended: Outcome, nowMs: number): NextTry;
  };
}): object;
