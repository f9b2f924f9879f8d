/** Directories: who is this person? */

/** Why there is no answer. The text is for logs. */
export declare class LookupError extends Error {
  constructor(code: "unsupported" | "unavailable" | "misconfigured" | "other", message: string);
  readonly code: string;
}

/** What kind of key, e.g. `phone`, `account`, `email`, and its value. */
export interface Key {
  kind: string;
  value: string;
}

/** Who it is: the identifier in the back-end, the name, and at most 512 fields. */
export interface Profile {
  id: string;
  displayName?: string;
  fields?: Readonly<Record<string, string>>;
}

/** Makes a function the plugin: of a key, and how many seconds there are. Undefined: nobody has this key. */
export declare function crm(lookup: (key: Key, within: number) => Profile | undefined): object;
