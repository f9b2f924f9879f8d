// What the operator set for the deployment, and the plugin's log.

import { get } from "wasi:config/store@0.2.0-rc.1";
import { log as write } from "wasi:logging/logging@0.1.0-draft";

/** What the operator set: keys and values, as the manifest's `config` names them. */
export const config = {
  get: (key, otherwise) => get(key) ?? otherwise,
  number(key, otherwise) {
    const text = get(key) ?? undefined;
    if (text === undefined) return otherwise;
    const number = Number(text);
    if (text.trim() === "" || !Number.isFinite(number)) throw new RangeError(`the configuration's \`${key}\` can't be \`${text}\``);
    return number;
  },
};

/** Lines for the plugin's log. They reach the operator with the contact's id, and never a journal. */
export const log = {
  debug: (message) => write("debug", "", String(message)),
  info: (message) => write("info", "", String(message)),
  warn: (message) => write("warn", "", String(message)),
  error: (message) => write("error", "", String(message)),
};
