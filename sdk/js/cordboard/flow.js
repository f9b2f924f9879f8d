// Flows: a conversation with one person, as straight-line code. See flow.d.ts for what everything is.
//
// A call that waits, for a prompt to end or a key to be pressed, waits: there is nothing to await. That the person hangs up is
// thrown as `Ended` from whatever call it is, and is an end like any other: catch it only to tidy up.

import { log } from "./common.js";
import { fromUtf8, utf8 } from "./utf8.js";

/** Why a call could not be done. One that nobody catches hands the person over to the safe flow. */
export class FlowError extends Error {
  constructor(code, message = code) {
    super(message);
    this.name = new.target.name;
    this.code = code;
  }
}
export class Ended extends FlowError {}
export class TakenOver extends FlowError {}
export class Connected extends FlowError {}
export class LookupFailed extends FlowError {}
export class FetchFailed extends FlowError {
  get mayBeDone() {
    return !["busy", "not-granted", "unavailable"].includes(this.code);
  }
}
export class ValueFailed extends FlowError {}

function raised(kind, error) {
  // What QuickJS throws for an `err` carries it as `payload`.
  const { tag, val } = error?.payload ?? {};
  if (tag === undefined) return error;
  const text = typeof val === "string" ? val : undefined;
  if (tag === "ended") return new Ended("ended", "the person is gone");
  if (tag === "taken-over") return new TakenOver(tag, "a supervisor has taken over");
  if (tag === "interrupted" && val?.tag === "connected") return new Connected("connected", "an agent has answered");
  if (tag === "invalid") return new FlowError(tag, `out of bounds: ${text}`);
  return new kind(tag, text === undefined ? tag : `${tag}: ${text}`);
}

function call(kind, run) {
  try {
    return run();
  } catch (error) {
    throw raised(kind, error);
  }
}

const ms = (seconds) => {
  if (typeof seconds !== "number" || !(seconds >= 0)) throw new TypeError(`${seconds} is no duration in seconds`);
  return Math.min(Math.round(seconds * 1000), 0xffff_ffff);
};
const whole = (number, what) => {
  if (!Number.isSafeInteger(number)) throw new TypeError(`${what}: ${number} is no whole number`);
  return number;
};
const word = (text, what) => {
  if (typeof text !== "string") throw new TypeError(`${what}: ${text} is no text`);
  return text;
};

/** An amount in minor units: `money(1234, "EUR")` is 12.34 euros. */
export const money = (minor, currency) => ({
  tag: "money",
  val: { minor: whole(minor, "money"), currency: word(currency, "currency") },
});
/** A calendar date: `day(2026, 12, 24)` or `day("2026-12-24")`; undefined if it is none. */
export function day(year, month, of) {
  if (typeof year === "string") {
    const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(year);
    if (!parts) return undefined;
    return day(...parts.slice(1).map(Number));
  }
  if (!(month >= 1 && month <= 12 && of >= 1 && of <= 31)) return undefined;
  return { tag: "date", val: { year: whole(year, "year"), month, day: of } };
}
/** Characters said one by one: "one, zero, five". */
export const digits = (text) => ({ tag: "digits", val: word(text, "digits") });
/** A recording of the tenant's prompt library. */
export const recording = (name) => ({ tag: "recording", val: word(name, "recording") });
/** Silence, at most ten seconds. */
export const silence = (seconds) => ({ tag: "pause-ms", val: ms(seconds) });
/** Several parts as one. */
export const prompt = (...parts) =>
  parts.flat(Infinity).map((part) => {
    if (typeof part === "string") return { tag: "text", val: part };
    if (typeof part === "number") return { tag: "number", val: whole(part, "number") };
    if (typeof part?.tag === "string") return part;
    throw new TypeError(`${part} can't be said`);
  });

function question(asked, before = [], afresh = false) {
  const rule = asked.digits;
  return {
    id: word(asked.id, "id"),
    prompt: [...prompt(before), ...prompt(asked.prompt)],
    choices: Object.entries(asked.choices ?? {}).map(([id, by]) => {
      const [key, ...words] = [by].flat();
      return { id, key: key ?? null, words: words.map((one) => word(one, "words")) };
    }),
    digits: rule ? { min: rule.min, max: rule.max, terminator: rule.end === undefined ? "#" : rule.end } : null,
    silenceTimeoutMs: ms(asked.silence ?? 5),
    keyTimeoutMs: ms(asked.betweenKeys ?? 3),
    typeAhead: { tag: asked.afresh || afresh ? "flush" : "keep" },
    secret: asked.secret ?? false,
  };
}

/** A header's value: `prefix`, and what the operator set for a key of the configuration. */
export const fromConfig = (key, prefix = "") => ({ tag: "config", val: { prefix: word(prefix, "prefix"), key: word(key, "key") } });

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

function request(url, { method = "GET", headers = {}, body, json, wants = [] }) {
  if (typeof wants === "string") throw new TypeError('wants is several names, e.g. ["location"]');
  const lines = Object.entries(headers);
  if (json !== undefined) {
    if (body !== undefined) throw new TypeError("a request has `body` or `json`, not both");
    body = JSON.stringify(json);
    if (!lines.some(([name]) => name.toLowerCase() === "content-type")) lines.push(["content-type", "application/json"]);
  }
  if (!(body === undefined || typeof body === "string" || body instanceof Uint8Array)) {
    throw new TypeError("a body is a text or a Uint8Array");
  }
  const known = METHODS.includes(word(method, "method"));
  return {
    method: known ? { tag: method.toLowerCase() } : { tag: "other", val: method },
    url: word(url, "url"),
    headers: lines.map(([name, value]) => ({
      name,
      value: value?.tag === "config" ? value : { tag: "text", val: word(value, name) },
    })),
    body: body === undefined ? null : typeof body === "string" ? utf8(body) : body,
    wantedHeaders: [...wants],
  };
}

function response({ status, headers, body }) {
  const bytes = Uint8Array.from(body);
  let text;
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
    body: bytes,
    get text() {
      return (text ??= fromUtf8(bytes));
    },
    json() {
      return JSON.parse(this.text);
    },
  };
}

const answered = ({ tag, val }) => ({ kind: tag, ...(val === undefined ? {} : { value: val }) });

/** A profile with its fields by name. */
function profile(found) {
  if (!found) return undefined;
  const fields = Object.fromEntries(found.fields.map(({ name, value }) => [name, value]));
  return {
    id: found.id,
    displayName: found.displayName ?? undefined,
    fields,
    money(name, currency) {
      return /^-?\d{1,15}$/.test(fields[name] ?? "") ? money(Number(fields[name]), fields.currency ?? currency) : undefined;
    },
    day: (name) => day(fields[name] ?? ""),
  };
}

const address = (raw) => ({ uri: raw.uri, number: raw.number ?? undefined, displayName: raw.displayName ?? undefined });

/** A place in a queue. `using place = ...` leaves at the end of the block, unless the talk has been or the person is gone. */
export class Place {
  #contact;
  #raw;
  #treatment;

  constructor(contact, raw, { music, announce }) {
    this.#contact = contact;
    this.#raw = raw;
    if (music !== undefined || announce !== undefined) {
      this.#treatment = { music: music ?? null, announcePositionEveryMs: ms(announce ?? 0) };
    }
  }
  wait(seconds) {
    const raw = this.#raw;
    if (!raw) throw new FlowError("not-now", "not-now: this place is over");
    try {
      const { tag, val } = call(FlowError, () =>
        this.#treatment ? raw.waitWith(this.#treatment, ms(seconds)) : raw.wait(ms(seconds)),
      );
      if (tag !== "still-waiting") this.#close();
      if (tag === "lost") return { kind: tag, why: val };
      if (tag === "talked") {
        const by = val.endedBy;
        return { kind: tag, agent: val.agent, talked: val.talkedMs / 1000, endedBy: by.val ?? by.tag };
      }
      const estimate = val.estimateMs == null ? undefined : val.estimateMs / 1000;
      return { kind: tag, position: val.position, waiting: val.waiting, estimate, waited: val.waitedMs / 1000 };
    } catch (error) {
      if (error instanceof Ended || error instanceof TakenOver) this.#close();
      throw error;
    }
  }
  say(...parts) {
    try {
      this.#contact.say(...parts);
      return true;
    } catch (error) {
      if (error instanceof Connected) return false;
      if (error instanceof Ended || error instanceof TakenOver) this.#close();
      throw error;
    }
  }
  leave() {
    this.#raw?.leave();
    this.#close();
  }
  // The engine frees no handle by itself, and there are 256 of them.
  #close() {
    this.#raw?.[Symbol.dispose]();
    this.#raw = undefined;
  }
  [Symbol.dispose]() {
    this.leave();
  }
}

/** The conversation with one person, on whatever channel it runs. */
export class Contact {
  #raw;

  constructor(raw) {
    this.#raw = raw;
  }
  #do(run, kind = FlowError) {
    return call(kind, () => run(this.#raw));
  }
  get id() {
    return this.#raw.id();
  }
  get channel() {
    const { tag, val } = this.#raw.channel();
    return val ?? tag;
  }
  get origin() {
    return address(this.#raw.origin());
  }
  get dialled() {
    return address(this.#raw.dialled());
  }
  get(name) {
    return this.#raw.attribute(word(name, "name")) ?? undefined;
  }
  set(name, value) {
    this.#do((raw) => raw.setAttribute(word(name, "name"), word(value, "value")));
  }
  ring() {
    this.#do((raw) => raw.ring());
  }
  answer() {
    this.#do((raw) => raw.answer());
  }
  reject(cause) {
    this.#do((raw) => raw.reject({ tag: cause }));
  }
  redirect(target) {
    this.#do((raw) => raw.redirect(word(target, "target")));
  }
  say(...parts) {
    const said = prompt(parts);
    this.#do((raw) => raw.say(said));
  }
  startPlaying(parts, { repeat = false } = {}) {
    const said = prompt(parts);
    this.#do((raw) => raw.startPlaying(said, repeat));
  }
  stopPlaying() {
    this.#do((raw) => raw.stopPlaying());
  }
  ask(asked) {
    const one = question(asked);
    return answered(this.#do((raw) => raw.ask(one)));
  }
  insist(asked, times = 3) {
    let before = [];
    let afresh = false;
    for (let time = 0; time < times; time++) {
      const one = question(asked, before, afresh);
      const answer = answered(this.#do((raw) => raw.ask(one)));
      if (answer.kind === "choice" || answer.kind === "digits") return answer.value;
      if (answer.kind === "silence") {
        before = asked.ifSilent ?? "Are you still there?";
      } else {
        // Whoever is lost starts afresh: what else was typed meant something else.
        before = asked.ifUnclear ?? "Sorry, I did not understand that.";
        afresh = true;
      }
    }
    return undefined;
  }
  pause(seconds) {
    this.#do((raw) => raw.pause(ms(seconds)));
  }
  lookup(kind, value, { directory, within = 1.5 } = {}) {
    const key = { directory: directory ?? null, kind: word(kind, "kind"), value: word(value, "value") };
    return profile(this.#do((raw) => raw.lookup(key, ms(within)), LookupFailed));
  }
  fetch(url, { within = 3, ...options } = {}) {
    const sent = request(url, options);
    return response(this.#do((raw) => raw.fetch(sent, ms(within)), FetchFailed));
  }
  load(key) {
    return this.#do((raw) => raw.load(word(key, "key")), ValueFailed) ?? undefined;
  }
  store(key, value) {
    this.#do((raw) => raw.store(word(key, "key"), value === undefined ? null : word(value, "value")), ValueFailed);
  }
  choose(name, weights) {
    const names = Object.keys(weights);
    const drawn = this.#do((raw) => raw.choose(word(name, "name"), names.map((one) => whole(weights[one], one))));
    return names[drawn];
  }
  enqueue(queue, { priority = 0, skills = {}, music, announce } = {}) {
    const needed = Object.entries(skills).map(([name, minLevel]) => ({ name, minLevel: whole(minLevel, name) }));
    const request = { queue: word(queue, "queue"), priority: whole(priority, "priority"), skills: needed };
    return new Place(this, this.#do((raw) => raw.enqueue(request)), { music, announce });
  }
  continueAs(deployment, attributes = {}) {
    const all = Object.entries(attributes).map(([name, value]) => ({ name, value: word(value, name) }));
    this.#do((raw) => raw.continueAs(word(deployment, "deployment"), all));
  }
  end(reason = completed) {
    this.#raw.end(reason);
  }
}

/** The person's matter was dealt with. */
export const completed = { tag: "completed" };
/** The person could not be helped here. */
export const failed = (why) => ({ tag: "failed", val: word(why, "why") });
/** Any other end. */
export const endedOtherwise = (why) => ({ tag: "other", val: word(why, "why") });

/** Makes a function the plugin: `export const guest = flow((contact) => { ... })`. */
export function flow(talk) {
  return {
    run(raw) {
      try {
        return talk(new Contact(raw)) ?? completed;
      } catch (error) {
        if (error instanceof Ended) return endedOtherwise("hung-up");
        if (error instanceof TakenOver) return endedOtherwise("taken-over");
        log.error(String(error?.stack ?? ""));
        throw String(error);
      }
    },
  };
}
