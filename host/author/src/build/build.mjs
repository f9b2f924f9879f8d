// node build.mjs SOURCE WIT WORLD ROOM: joins a plugin's modules to one, and makes ROOM/component.wasm of it.
import { build } from "esbuild";
import { componentize } from "componentize-qjs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const [source, wit, world, room] = process.argv.slice(2);

// A component is made by running it until its modules are loaded. Meanwhile the imports of the contract are stubs, those of
// the engine are there; where a stub shares resources with what is there, as wasi:http does with wasi:io, the two don't fit.
// So what wasi:http shares is built under another name of the same length, and at another version, since the engine imports
// it, too; and named back in the component.
const SHARED = /wasi:(io|clocks|http)((?:\/[a-z-]+)?)@0\.2\.12/g;
const aside = (text) => text.replace(SHARED, "wxsi:$1$2@0.2.11");

async function copy(from, to) {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [there, here] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copy(there, here);
    else await writeFile(here, aside(await readFile(there, "utf8")));
  }
}

/** The component with the names as they are, byte by byte. */
function named(component) {
  const bytes = Buffer.from(component);
  for (let at = bytes.indexOf("wxsi:"); at >= 0; at = bytes.indexOf("wxsi:", at)) bytes.write("wasi:", at);
  return bytes;
}

try {
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    // QuickJS knows no newer syntax; `using` is rewritten, for one.
    target: "es2022",
    external: ["cordboard:*", "wasi:*"],
    keepNames: true,
    logLevel: "error",
  });
  const witPath = join(room, "wit");
  await rm(witPath, { recursive: true, force: true });
  await copy(wit, witPath);
  // Without the asynchronous calls of the component model, which the host doesn't offer.
  const made = await componentize({ jsSource: aside(outputFiles[0].text), witPath, world, sync: true });
  await writeFile(join(room, "component.wasm"), named(made.component));
} catch (error) {
  // esbuild has said where.
  if (!error.errors) console.error(error.message ?? error);
  process.exitCode = 1;
}
