/** Inspectors. They keep nothing from one call to the next; `inspector.wit` says what everything is. */

export interface Speaker {
  tag: "person" | "agent" | "flow" | "other";
  val?: string;
}
export interface Voice {
  pitchHz: number;
  pitchDeviationHz: number;
  loudnessDb: number;
  ratePerMinute: number;
  overlapMs: number;
}
/** What one speaker said before another did. */
export interface Turn {
  index: number;
  speaker: Speaker;
  beganMs: number;
  endedMs: number;
  text: string;
  confidence: number | null;
  voice: Voice | null;
}
export interface Talk {
  contact: string;
  language: string | null;
  queue: string | null;
  agent: string | null;
  attributes: (string | null)[];
}
/** A part of a turn's text, in bytes. */
export interface Span {
  start: number;
  end: number;
}
export interface Finding {
  rule: string;
  severity: { tag: string; val?: string };
  turn: number;
  span: Span | null;
  confidence: number;
  note: string | null;
  prompt: string | null;
}
export interface Inspection {
  findings: Finding[];
  emotions: { speaker: Speaker; numbers: number[] }[];
}
export interface Summary {
  /** For each of the parts, 0 to 100; undefined where it doesn't apply. */
  parts: (number | undefined)[];
  findings: Finding[];
  review: boolean;
  text?: string;
}

/** A part of a turn's text, by places in it as JavaScript counts them. */
export declare function span(turn: Turn, start: number, end: number): Span;
/** A finding about a turn. */
export declare function finding(
  rule: string,
  severity: "notice" | "warning" | "serious" | "critical",
  turn: Turn,
  more?: { span?: Span; confidence?: number; note?: string; prompt?: string },
): Finding;

/** Makes a plugin: `export const guest = inspector({ rules, emotions, parts, attributes, configure })`. */
export declare function inspector(of: {
  /** The rules' titles, by their ids. */
  rules?: Readonly<Record<string, string>>;
  emotions?: readonly string[];
  parts?: readonly string[];
  attributes?: readonly string[];
  /** Once for each instance. */
  configure(offered: string[]): {
    inspect(talk: Talk, turns: Turn[], firstNew: number): Inspection;
    summarise(talk: Talk, turns: Turn[], told: Finding[]): Summary;
  };
}): object;
