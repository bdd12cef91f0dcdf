import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: ["src/*.ts"],
  importExtension: ".js",
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false, persistedDocuments: true },
      config: {
        useTypeImports: true,
        enumsAsTypes: true,
        strictScalars: true,
        scalars: { Decimal: "string", DateTime: "string", Date: "string" },
      },
    },
    // Apollo Client needs it for fragments on interfaces, such as `... on Refusal`.
    "src/gql/possible-types.ts": { plugins: ["fragment-matcher"] },
  },
};

export default config;
