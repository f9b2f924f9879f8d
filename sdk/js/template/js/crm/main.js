// {{name}}: asks a JSON back-end who a person is.
import { config } from "./cordboard/common.js";
import { crm, LookupError } from "./cordboard/crm.js";
import { get } from "./cordboard/http.js";

const paths = { phone: "/customers/by-phone/", account: "/customers/" };

export const guest = crm(({ kind, value }, within) => {
  const base = config.get("base-url");
  if (!base) throw new LookupError("misconfigured", "base-url is not set");
  const path = paths[kind];
  if (!path) throw new LookupError("unsupported", kind);
  const url = base.replace(/\/+$/, "") + path + encodeURIComponent(value);
  const response = get(url, { headers: { accept: "application/json" }, within });
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw new LookupError("unavailable", `status ${response.status}`);
  return profile(response);
});

/** The back-end's object: `id`, `name`, and whatever else is a text or a number as a field. */
function profile(response) {
  let customer;
  try {
    customer = response.json();
  } catch {
    throw new LookupError("unavailable", "the answer is no JSON");
  }
  const { id, name, ...rest } = customer ?? {};
  if (typeof id !== "string") throw new LookupError("unavailable", "no customer in the answer");
  const plain = Object.entries(rest).filter(([, value]) => ["string", "number"].includes(typeof value));
  const fields = Object.fromEntries(plain.map(([field, value]) => [field, String(value)]));
  return { id, displayName: typeof name === "string" ? name : undefined, fields };
}
