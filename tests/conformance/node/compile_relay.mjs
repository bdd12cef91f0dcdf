// tsc checks the program of Relay; Babel compiles it, with the plugin that puts the compiled operations in.
import { transformFileAsync } from "@babel/core";
import { mkdir, readdir, writeFile } from "node:fs/promises";

const SOURCE = "src/relay";
const BUILT = "built/relay";

await mkdir(`${BUILT}/__generated__`, { recursive: true });
await writeFile(`${BUILT}/package.json`, '{ "type": "commonjs" }\n');
for (const name of await readdir(SOURCE, { recursive: true })) {
  if (!name.endsWith(".ts")) continue;
  const compiled = await transformFileAsync(`${SOURCE}/${name}`, {
    configFile: false,
    presets: ["@babel/preset-typescript"],
    plugins: [["relay", { eagerEsModules: true }], "@babel/plugin-transform-modules-commonjs"],
  });
  await writeFile(`${BUILT}/${name.replace(/ts$/, "js")}`, compiled.code);
}
