// node build.mjs SOURCE WIT WORLD COMPONENT: joins a plugin's modules to one, and makes a component of it.
import { build } from "esbuild";
import { componentize } from "componentize-qjs";
import { writeFile } from "node:fs/promises";

const [source, witPath, world, component] = process.argv.slice(2);
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
  // Without the asynchronous calls of the component model, which the host doesn't offer.
  const made = await componentize({ jsSource: outputFiles[0].text, witPath, world, sync: true });
  await writeFile(component, made.component);
} catch (error) {
  // esbuild has said where.
  if (!error.errors) console.error(error.message ?? error);
  process.exitCode = 1;
}
