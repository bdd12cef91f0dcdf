// GraphQL Code Generator: no type of the desk is `any`, unions narrow by their __typename, and every refusal is a Refusal.
import { readFile } from "node:fs/promises";
import {
  buildClientSchema,
  buildSchema,
  getIntrospectionQuery,
  lexicographicSortSchema,
  print,
  printSchema,
  type GraphQLSchema,
  type IntrospectionQuery,
} from "graphql";
import { createHash } from "node:crypto";
import { CaseEvents, CasePage, SetRemark } from "./documents.js";
import { authorization, check, step, url } from "./kit.js";
import type {
  CaseEventsSubscription,
  CasePageQuery,
  CaseStatus,
  RefusalCode,
  SetRemarkMutation,
  SetRemarkMutationVariables,
} from "./gql/graphql.js";

type IsAny<T> = 0 extends 1 & T ? true : false;
/** The keys whose value is `any`, however deep. */
type AnyIn<T> = T extends readonly (infer Item)[] ? AnyIn<Item> : T extends object ? { [Key in keyof T]: IsAny<T[Key]> extends true ? Key : AnyIn<T[Key]> }[keyof T] : never;
type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

type Row = CasePageQuery["cases"]["edges"][number]["node"];
type Result = SetRemarkMutation["updateRemark"]["result"];

/** Do not compile if a type is wrong. */
export const proofs: readonly true[] = [
  true satisfies Exactly<AnyIn<CasePageQuery | SetRemarkMutation | CaseEventsSubscription | SetRemarkMutationVariables>, never>,
  true satisfies Exactly<Row["amount"], string>,
  true satisfies Exactly<Row["deadline"], string>,
  true satisfies Exactly<Row["status"], CaseStatus>,
  true satisfies Exactly<Extract<Result, { __typename: "CaseCommandRefused" }>["code"], RefusalCode>,
];

/** Each branch of a union has its own fields, and no branch is left over. */
export function described(result: Result): string {
  switch (result.__typename) {
    case "CaseChanged":
      return result.case.remark;
    case "CaseCommandRefused":
      return `${result.code}: ${result.message} (version ${result.details.case?.version})`;
    default:
      return result satisfies never;
  }
}

await step("manifest", async () => {
  const manifest = JSON.parse(await readFile(new URL("../src/gql/persisted-documents.json", import.meta.url), "utf8"));
  for (const [hash, text] of Object.entries<string>(manifest)) {
    check(createHash("sha256").update(text).digest("hex") === hash.replace("sha256:", ""), `${hash} is not the hash of its text`);
  }
  const names = [CasePage, SetRemark, CaseEvents].map((document) => print(document).match(/\w+ (\w+)/)?.[1] ?? "");
  const texts = Object.values<string>(manifest);
  check(names.every((name) => texts.some((text) => text.includes(` ${name}(`) || text.includes(` ${name} `))), { names });
});

/** What tools read from a desk is what they read from the file: descriptions, deprecations, `@oneOf`. */
await step("introspection", async () => {
  const query = getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true, specifiedByUrl: true });
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query }) });
  const { data, errors } = (await answer.json()) as { data?: IntrospectionQuery; errors?: unknown };
  check(data, errors);
  const printed = (schema: GraphQLSchema): string => printSchema(lexicographicSortSchema(schema));
  const file = await readFile(new URL("../schema.graphql", import.meta.url), "utf8");
  check(printed(buildClientSchema(data)) === printed(buildSchema(file)), "the desk describes another schema");
});
