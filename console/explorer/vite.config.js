import { defineConfig } from "vite";

export default defineConfig({
  // The desk serves it below /explorer/, behind whatever prefix a proxy adds.
  base: "./",
  publicDir: false,
  worker: { format: "es" },
  build: {
    outDir: "../../build/explorer",
    emptyOutDir: true,
    target: "es2023",
    manifest: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 10_000,
    license: { fileName: "licences.md" },
  },
});
