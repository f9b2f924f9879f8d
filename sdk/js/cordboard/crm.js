// Directories: who is this person? See crm.d.ts for what everything is.

import { HttpError } from "./http.js";

/** Why there is no answer: `unsupported`, `unavailable`, `misconfigured`, `other`. */
export class LookupError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "LookupError";
    this.code = code;
  }
}

/** Makes a function the plugin: `export const guest = crm(({ kind, value }, within) => { ... })`. */
export function crm(lookup) {
  return {
    lookup(key, timeoutMs) {
      try {
        const found = lookup(key, timeoutMs / 1000);
        if (!found) return null;
        const fields = Object.entries(found.fields ?? {}).map(([name, value]) => ({ name, value: String(value) }));
        return { id: found.id, displayName: found.displayName ?? null, fields };
      } catch (error) {
        if (error instanceof LookupError) throw { tag: error.code, val: error.message };
        if (error instanceof HttpError) throw { tag: "unavailable", val: error.message };
        throw { tag: "other", val: String(error) };
      }
    },
  };
}
