// Requests to a back-end, over wasi:http. See http.d.ts for what everything is.

import { subscribeDuration } from "wasi:clocks/monotonic-clock@0.2.12";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.12";
import { poll } from "wasi:io/poll@0.2.12";
import { fromUtf8, utf8 } from "./utf8.js";

const MAX_BODY_BYTES = 1 << 20;
const late = () => new HttpError("timed-out", "no answer from the back-end in time");

/** Why there is no response: `url`, `timed-out`, `denied`, `too-long`, `failed`. */
export class HttpError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "HttpError";
    this.code = code;
  }
}

function raised(error) {
  const tag = error?.payload?.tag;
  if (tag === undefined) return error;
  if (tag === "HTTP-request-denied" || tag === "destination-IP-prohibited") {
    return new HttpError("denied", "the back-end's place is not wanted by the manifest or not granted");
  }
  if (["connection-timeout", "connection-read-timeout", "HTTP-response-timeout"].includes(tag)) return late();
  return new HttpError("failed", `the back-end can't be asked: ${tag}`);
}

/** `GET`. */
export const get = (url, options) => send("get", url, undefined, options);
/** `POST`, with a body. */
export const post = (url, body, options) => send("post", url, body, options);

function send(method, url, body, { headers = {}, within }) {
  const parts = /^(https?):\/\/([^/?#@]+)([^#]*)/.exec(url);
  if (!parts) throw new HttpError("url", "the URL is none of http or https");
  const [, scheme, authority, path] = parts;
  const bytes = body === undefined ? undefined : utf8(body);
  const ns = Math.round(within * 1e9);
  const deadline = subscribeDuration(ns);
  try {
    const fields = new Fields();
    for (const [name, value] of Object.entries(headers)) fields.append(name, utf8(value));
    if (bytes) fields.append("content-length", utf8(String(bytes.length)));
    const request = new OutgoingRequest(fields);
    request.setMethod({ tag: method });
    request.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" });
    request.setAuthority(authority);
    request.setPathWithQuery(path.startsWith("/") ? path : `/${path}`);
    const options = new RequestOptions();
    options.setConnectTimeout(ns);
    options.setFirstByteTimeout(ns);
    options.setBetweenBytesTimeout(ns);
    const outgoing = request.body();
    const future = handle(request, options);
    write(outgoing, bytes);
    const ready = future.subscribe();
    poll([ready, deadline]);
    const there = ready.ready();
    ready[Symbol.dispose]();
    if (!there) throw late();
    return answer(future.get(), deadline);
  } catch (error) {
    throw raised(error);
  } finally {
    deadline[Symbol.dispose]();
  }
}

function write(outgoing, bytes) {
  const stream = outgoing.write();
  for (let at = 0; at < (bytes?.length ?? 0); at += 4096) stream.blockingWriteAndFlush(bytes.slice(at, at + 4096));
  stream[Symbol.dispose]();
  OutgoingBody.finish(outgoing, null);
}

function answer(got, deadline) {
  // option<result<result<response, code>>>: the outer one tells that it was taken before.
  const inner = got?.val;
  if (inner?.tag === "err") throw raised({ payload: inner.val });
  const response = inner?.val;
  if (!response) throw new HttpError("failed", "the host gave no response");
  const status = response.status();
  // Closed in the order stream, body, response: each belongs to the next.
  const incoming = response.consume();
  const stream = incoming.stream();
  const more = stream.subscribe();
  const body = [];
  try {
    for (;;) {
      poll([more, deadline]);
      if (deadline.ready()) throw late();
      for (const byte of stream.read(64 * 1024)) body.push(byte);
      if (body.length > MAX_BODY_BYTES) throw new HttpError("too-long", "the back-end's answer is too long");
    }
  } catch (error) {
    if (error?.payload?.tag !== "closed") throw error;
  } finally {
    for (const held of [more, stream, incoming, response]) held[Symbol.dispose]();
  }
  const text = fromUtf8(body);
  return { status, text, json: () => JSON.parse(text) };
}
