/** Requests to a back-end, over `wasi:http`: to the places that the manifest wants and the operator grants, and no other. */

/** Why there is no response. The text is for logs, and has nothing of the request. */
export declare class HttpError extends Error {
  /** `url`, `timed-out`, `denied` (not wanted by the manifest or not granted), `too-long`, `failed`. */
  readonly code: string;
}

/** What came back. */
export interface Response {
  readonly status: number;
  readonly text: string;
  /** The body as JSON. Throws if it is none. */
  json(): unknown;
}

export interface Options {
  headers?: Readonly<Record<string, string>>;
  /** How many seconds the whole answer may take. */
  within: number;
}

/** `GET`. Redirects are not followed; a body of more than 1 MiB is an error. */
export declare function get(url: string, options: Options): Response;
/** `POST`, with a body. */
export declare function post(url: string, body: string, options: Options): Response;
