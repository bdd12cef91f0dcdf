// Writes the types and texts of operations/*.graphql into src/api/operations.ts, which is not in git.
//
// An operation becomes a constant: its text with the fragments that it needs, whose type knows what it answers.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as operations from "@graphql-codegen/typescript-operations";
import { Kind, buildSchema, parse, print, stripIgnoredCharacters, visit } from "graphql";

const OUTPUT = "src/api/operations.ts";
// Amounts stay text from end to end, times too until they are shown.
const SCALARS = { ID: "string", Decimal: "string", DateTime: "string", Date: "string", Time: "string", JSON: "unknown" };

const sources = readdirSync("operations")
  .filter((name) => name.endsWith(".graphql"))
  .sort()
  .map((name) => ({ location: name, document: parse(readFileSync(`operations/${name}`, "utf8"), { noLocation: true }) }));
const definitions = sources.flatMap(({ document }) => document.definitions);
const fragments = new Map(definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map((each) => [each.name.value, each]));

function withFragments(definition, known = new Set()) {
  known.add(definition);
  visit(definition, { FragmentSpread: ({ name }) => void (known.has(fragments.get(name.value)) || withFragments(fragments.get(name.value), known)) });
  return known;
}

const types = await codegen({
  documents: sources,
  filename: OUTPUT,
  schema: parse(readFileSync("../schema.graphql", "utf8")),
  schemaAst: buildSchema(readFileSync("../schema.graphql", "utf8")),
  plugins: [{ operations: {} }],
  pluginMap: { operations },
  config: { scalars: SCALARS, strictScalars: false, useTypeImports: true, enumType: "string-literal", immutableTypes: true, skipTypename: true, disableDescriptions: true },
});
const texts = definitions
  .filter(({ kind }) => kind === Kind.OPERATION_DEFINITION)
  .map((definition) => {
    const name = definition.name.value;
    const kind = definition.operation[0].toUpperCase() + definition.operation.slice(1);
    const text = stripIgnoredCharacters([...withFragments(definition)].map(print).join("\n"));
    return `export const ${name}Document = ${JSON.stringify(text)} as Operation<${name}${kind}, ${name}${kind}Variables>;`;
  });
writeFileSync(OUTPUT, `// Made by codegen.mjs.\nimport type { Operation } from "./operation.ts";\n\n${types}\n${texts.join("\n")}\n`);
