// graphql-sse: an event stream for each operation or, with --single-connection, one for all of them.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { createClient, type Client } from "graphql-sse";
import { CaseEvents, CasePage, SetRemark } from "./documents.js";
import { authorization, cutUrl, go, soon, url, type CaseEvent } from "./kit.js";

const singleConnection = process.argv.includes("--single-connection");

// doc: graphql-sse
const connected = (url: string): Client<boolean> =>
  createClient({
    url: singleConnection ? `${url}/stream` : url,
    singleConnection,
    headers: () => ({ authorization }),
    retryAttempts: Infinity,
    retry: soon,
  });

async function ask<Data, Variables extends Record<string, unknown>>(
  client: Client<boolean>,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  for await (const result of client.iterate<Data>({ query: print(document), variables })) {
    if (result.data && !result.errors) return result.data;
    throw new AggregateError(result.errors ?? []);
  }
  throw new Error("no result");
}

function caseEvents(
  client: Client<boolean>,
  take: (event: CaseEvent) => void,
  fail: (reason: unknown) => void,
): () => void {
  const variables: { after?: string } = {}; // Sent again after a cut, with the last cursor in it.
  return client.subscribe<{ caseEvents: CaseEvent }>(
    { query: print(CaseEvents), variables },
    {
      next({ data, errors }) {
        if (!data) return fail(errors);
        take(data.caseEvents);
        variables.after = data.caseEvents.cursor;
      },
      error: fail,
      complete: () => undefined,
    },
  );
}
// end

const client = connected(url);
const cut = connected(cutUrl);
await go("graphql-sse", {
  page: async (variables) => (await ask(client, CasePage, variables)).cases,
  setRemark: async (input) => (await ask(client, SetRemark, { input })).updateRemark.result,
  caseEvents: (take, fail) => caseEvents(cut, take, fail),
});
client.dispose();
cut.dispose();
// With a single connection, a POST that is cut leaves the stream before it open, and dispose ends only the newest.
process.exit(0);
