import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vite";
import { licences } from "./licences.js";

const out = process.env.RULE_BUILDER_OUT || resolve(import.meta.dirname, "../../static/segments/builder");

// One script and one style sheet under fixed names, the same bytes from the same sources on every machine: no hashes in
// names, no source maps, no times. The notices of what is bundled stand beside them.
export default defineConfig({
  base: "./",
  plugins: [
    {
      name: "licences",
      writeBundle(_, bundle) {
        const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules || {}));
        writeFileSync(resolve(out, "LICENSES.txt"), licences(modules));
      },
    },
  ],
  esbuild: { jsx: "automatic" },
  build: {
    outDir: out,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: resolve(import.meta.dirname, "src/main.jsx"),
      output: { format: "iife", entryFileNames: "builder.js", assetFileNames: "builder[extname]", inlineDynamicImports: true },
    },
  },
});
