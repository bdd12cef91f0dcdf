import { defineConfig } from "vite";

// What the first page loads and other pages share, in one file: a dozen small ones compress worse by a kilobyte.
const FIRST_PAGE =
  /\/node_modules\/(?!big\.js|uplot)|\/src\/(?:api\/(?!once|refusals)|live|grid|exact\/(?!sum|lots)|screens\/(?!\w+\/|refusal)|words\/(?:en|words)\.ts)/;

export default defineConfig({
  base: "/console/",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../build/console",
    emptyOutDir: true,
    target: "es2023",
    manifest: true,
    sourcemap: true,
    // The policy of the pages admits no script, style or font that lies in the text of another file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The notices that the licences of the packages ask for are shipped with them.
    license: { fileName: "licences.md" },
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "first", test: FIRST_PAGE }] } } },
  },
});
