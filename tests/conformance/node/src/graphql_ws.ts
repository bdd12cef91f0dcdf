// graphql-ws: everything over one WebSocket.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { createClient, type Client } from "graphql-ws";
import { CaseEvents, CasePage, SetRemark } from "./documents.js";
import { authorization, cutUrl, go, soon, url, webSocket, type CaseEvent } from "./kit.js";

// doc: graphql-ws
const connected = (url: string): Client =>
  createClient({
    url,
    connectionParams: () => ({ authorization }),
    retryAttempts: Infinity,
    retryWait: soon,
    shouldRetry: () => true, // Close codes that mean a mistake of the client are never retried.
  });

async function ask<Data, Variables extends Record<string, unknown>>(
  client: Client,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  for await (const result of client.iterate<Data>({ query: print(document), variables })) {
    if (result.data && !result.errors) return result.data;
    throw new AggregateError(result.errors ?? []);
  }
  throw new Error("no result");
}

function caseEvents(client: Client, take: (event: CaseEvent) => void, fail: (reason: unknown) => void): () => void {
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

const client = connected(webSocket(url));
const cut = connected(webSocket(cutUrl));
await go("graphql-ws", {
  page: async (variables) => (await ask(client, CasePage, variables)).cases,
  setRemark: async (input) => (await ask(client, SetRemark, { input })).updateRemark.result,
  caseEvents: (take, fail) => caseEvents(cut, take, fail),
});
await Promise.all([client.dispose(), cut.dispose()]);
