// Trusted documents: the hashes of the manifest in place of texts, over HTTP, a WebSocket and an event stream.
import { readFile } from "node:fs/promises";
import { createClient as createSseClient } from "graphql-sse";
import { createClient } from "graphql-ws";
import { authorization, check, step, url, webSocket } from "./kit.js";

const manifest: Record<string, string> = JSON.parse(
  await readFile(new URL("../src/gql/persisted-documents.json", import.meta.url), "utf8"),
);
const documentId = Object.keys(manifest).find((hash) => manifest[hash]?.includes("query CasePage"));
check(documentId, manifest);
const variables = { first: 3 };
type Result = { data?: { cases: { edges: unknown[] } } | null; errors?: unknown };
const isPage = ({ data, errors }: Result): void => check(data?.cases.edges.length === 3, errors ?? "no page");

await step("POST", async () => {
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ documentId, variables }) });
  isPage((await answer.json()) as Result);
});
await step("GET", async () => {
  const parameters = new URLSearchParams({ documentId, variables: JSON.stringify(variables) });
  isPage((await (await fetch(`${url}?${parameters}`, { headers: { authorization } })).json()) as Result);
});
// The types of both clients want a text.
const request = { query: "", documentId, variables } as { query: string };
await step("WebSocket", async () => {
  const client = createClient({ url: webSocket(url), connectionParams: { authorization } });
  for await (const result of client.iterate(request)) isPage(result as Result);
  await client.dispose();
});
await step("event stream", async () => {
  const client = createSseClient({ url, headers: { authorization } });
  for await (const result of client.iterate(request)) isPage(result as Result);
  client.dispose();
});
