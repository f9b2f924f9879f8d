/** Flows: a conversation with one person, as straight-line code. Durations are in seconds. */

/** Why a call could not be done. One that nobody catches hands the person over to the safe flow. */
export declare class FlowError extends Error {
  /** As the contract names it: `invalid`, `not-now`, `limit`, `timeout`, `quota`, ... */
  readonly code: string;
}
/** The person is gone. Five seconds and 32 calls are left to tidy up. */
export declare class Ended extends FlowError {}
/** A supervisor has taken the contact over. */
export declare class TakenOver extends FlowError {}
/** What was being said or asked was cut, since an agent answered: the next wait returns when the talk is over. */
export declare class Connected extends FlowError {}
/** A directory gave no answer. */
export declare class LookupFailed extends FlowError {}
/** A back-end gave no response: `timeout`, `busy`, `not-granted`, `too-large`, `unknown-outcome`, `unavailable`, `other`. */
export declare class FetchFailed extends FlowError {
  /** Whether a request that acts may have been done all the same. False: it was not sent. */
  readonly mayBeDone: boolean;
}
/** A stored value could not be read or kept. */
export declare class ValueFailed extends FlowError {}

/** A piece of what is said that is no text and no number. */
export interface Piece {
  readonly tag: string;
  readonly val: unknown;
}
/** What is said: text, a number, money, a day, digits, a recording, silence, or several of them. */
export type Prompt = string | number | Piece | readonly Prompt[];

/** An amount in minor units: `money(1234, "EUR")` is 12.34 euros. The currency is of ISO 4217. */
export declare function money(minor: number, currency: string): Piece;
/** A calendar date. */
export declare function day(year: number, month: number, day: number): Piece | undefined;
/** A calendar date, from `2026-12-24`. */
export declare function day(text: string): Piece | undefined;
/** Characters said one by one: "one, zero, five". */
export declare function digits(text: string): Piece;
/** A recording of the tenant's prompt library, by name. */
export declare function recording(name: string): Piece;
/** Silence, at most ten seconds. */
export declare function silence(seconds: number): Piece;
/** Several parts as one. */
export declare function prompt(...parts: Prompt[]): Piece[];

/** A question: at least one choice, or a rule for digits. */
export interface Question {
  /** Names it in records and journals. */
  id: string;
  prompt: Prompt;
  /** By the id that is the answer, and that later versions must keep: the key, or the key and words. */
  choices?: Readonly<Record<string, string | readonly [key: string | null, ...words: string[]]>>;
  /** A number of `min` to `max` digits, which `end` (`#` if nothing is said, null for none) ends early. */
  digits?: { min: number; max: number; end?: string | null };
  /** How long after the prompt the person may stay silent: 5 s if nothing is said. */
  silence?: number;
  /** How long between two keys: 3 s if nothing is said. */
  betweenKeys?: number;
  /** Keys that were pressed before don't count. */
  afresh?: boolean;
  /** What is typed is personal: it is kept in memory only. */
  secret?: boolean;
  /** What `insist` says before it asks a silent person again. */
  ifSilent?: Prompt;
  /** What `insist` says before it asks again after an answer that fits nothing. */
  ifUnclear?: Prompt;
}

/** What the person answered. Silence and no match are answers, not errors. */
export type Answer =
  | { kind: "choice" | "digits" | "text" | "no-match"; value: string }
  | { kind: "silence"; value?: undefined };

export interface Address {
  uri: string;
  number?: string;
  /** Never proof of anything. */
  displayName?: string;
}

/** What a directory knows of a person. */
export interface Profile {
  id: string;
  displayName?: string;
  fields: Readonly<Record<string, string>>;
  /** A field that holds an amount in minor units; the currency is that of the field `currency`, or `currency`. */
  money(name: string, currency: string): Piece | undefined;
  /** A field that holds a date, as `2026-12-24`. */
  day(name: string): Piece | undefined;
}

/** A header's value that is written down nowhere. */
export interface ConfigValue {
  readonly tag: "config";
  readonly val: { readonly prefix: string; readonly key: string };
}
/** A header's value: `prefix`, and what the operator set for a key of the configuration. */
export declare function fromConfig(key: string, prefix?: string): ConfigValue;

/** A request to a back-end. All of it is in the contact's journal, but for values of the configuration. */
export interface FetchOptions {
  /** `GET` if nothing is said. */
  method?: string;
  /** `authorization` and `cookie` are always of the configuration. */
  headers?: Readonly<Record<string, string | ConfigValue>>;
  body?: string | Uint8Array;
  /** A body that is made JSON. */
  json?: unknown;
  /** The headers of the response to be kept. */
  wants?: readonly string[];
  /** How many seconds the whole response may take: 0.1 to 60, 3 if nothing is said. */
  within?: number;
}

/** What a back-end answered: a status of 404 or 500 is a response, no error. */
export interface FetchResponse {
  readonly status: number;
  /** Whether the status is one of success, 200 to 299. */
  readonly ok: boolean;
  /** Those that were wanted, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The body as text; what is no UTF-8 is replaced. */
  readonly text: string;
  /** The body as JSON. Throws a `SyntaxError` if it is none. */
  json(): unknown;
}

/** How waiting ended. */
export type Waited =
  | { kind: "still-waiting"; position: number; waiting: number; estimate?: number; waited: number }
  | { kind: "talked"; agent: string; talked: number; endedBy: string }
  | { kind: "lost"; why: string };

/** A place in a queue. `using place = ...` leaves at the end of the block, unless the talk has been or the person is gone. */
export declare class Place {
  /** Waits for an agent. The time bounds the waiting, not the talk: when an agent answers, it returns after the talk. */
  wait(seconds: number): Waited;
  /** Says something meanwhile. False: an agent answered, and the next wait returns after the talk. */
  say(...parts: Prompt[]): boolean;
  /** Gives up the place. An agent who answers just now keeps it. */
  leave(): void;
  [Symbol.dispose](): void;
}

/** The conversation with one person, on whatever channel it runs. Every call throws `Ended` when the person is gone. */
export declare class Contact {
  /** The same in records, events and logs. */
  readonly id: string;
  /** `voice`, `text`, or another word. */
  readonly channel: string;
  /** Who the contact comes from. */
  readonly origin: Address;
  /** What the person dialled or wrote to. */
  readonly dialled: Address;
  /** A named value kept with the contact. It may have been set from outside. */
  get(name: string): string | undefined;
  /** Keeps a named value with the contact: scorers, agents and records see it. */
  set(name: string, value: string): void;
  /** Tells the caller's side that it rings. */
  ring(): void;
  /** Answers, and waits until the person is connected. Answering again does nothing. */
  answer(): void;
  /** Refuses the contact unanswered, and ends it. */
  reject(cause: "busy" | "not-found" | "forbidden" | "unavailable"): void;
  /** Sends the caller elsewhere unanswered, to a `sip:`, `sips:` or `tel:` URI, and ends the contact. */
  redirect(target: string): void;
  /** Says something, and waits until it was said: `say("Your balance is", money(1234, "EUR"))`. */
  say(...parts: Prompt[]): void;
  /** Begins to say something and returns. Whatever is said next cuts it. */
  startPlaying(parts: Prompt, options?: { repeat?: boolean }): void;
  /** Ends what was begun. */
  stopPlaying(): void;
  /** Asks once and waits for an answer. */
  ask(question: Question): Answer;
  /** Asks up to `times` (3) until the answer is a choice (its id) or digits. */
  insist(question: Question, times?: number): string | undefined;
  /** Does nothing for a while, at most an hour. */
  pause(seconds: number): void;
  /** Asks a directory who the person is: `lookup("phone", number)`. Undefined: the person is unknown. */
  lookup(kind: string, value: string, options?: { directory?: string; within?: number }): Profile | undefined;
  /**
   * Sends a request to a back-end, where the manifest wants and the operator grants, and waits for the response:
   * `fetch("https://shop.example/hours")`. Redirects are not followed. Throws `FetchFailed` when there is no response.
   */
  fetch(url: string, options?: FetchOptions): FetchResponse;
  /** Reads a value that this plugin stored for the tenant. */
  load(key: string): string | undefined;
  /** Stores a value for the tenant, or removes it: it is durable when this returns. */
  store(key: string, value: string | undefined): void;
  /** Draws one of these by weight, the same one whenever the contact is replayed. */
  choose(name: string, weights: Readonly<Record<string, number>>): string;
  /** Takes a place in a queue. `announce`: the host says the position so often. It doesn't answer by itself. */
  enqueue(
    queue: string,
    options?: { priority?: number; skills?: Readonly<Record<string, number>>; music?: string; announce?: number },
  ): Place;
  /** Ends this flow, and starts the flow of another deployment with these attributes set. */
  continueAs(deployment: string, attributes?: Readonly<Record<string, string>>): void;
  /** Closes the person's side; what follows has five seconds to tidy up. */
  end(reason?: End): void;
}

/** How a flow ends. */
export interface End {
  readonly tag: string;
  readonly val?: string;
}
/** The person's matter was dealt with. */
export declare const completed: End;
/** The person could not be helped here. */
export declare function failed(why: string): End;
/** Any other end. */
export declare function endedOtherwise(why: string): End;

/** Makes a function the plugin: `export const guest = flow((contact) => { ... })`. */
export declare function flow(talk: (contact: Contact) => End | void): { run(raw: unknown): End };
