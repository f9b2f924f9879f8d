/** What the operator set: keys and values, as the manifest's `config` names them. */
export declare const config: {
  /** The value of a key, if it is set. */
  get(key: string): string | undefined;
  /** The value of a key, or this one if it isn't set. */
  get(key: string, otherwise: string): string;
  /** The value of a key as a number. Throws a `RangeError` that names the key. */
  number(key: string, otherwise: number): number;
};

/** Lines for the plugin's log. They reach the operator with the contact's id, and never a journal. */
export declare const log: {
  debug(message: unknown): void;
  info(message: unknown): void;
  warn(message: unknown): void;
  error(message: unknown): void;
};
