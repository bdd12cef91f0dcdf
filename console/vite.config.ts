import { defineConfig } from "vite";

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
  },
});
