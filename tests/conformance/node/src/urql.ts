// urql with its defaults: GET for queries whose URL is short, subscriptions over graphql-ws.
import { cacheExchange, Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import { CaseEvents, CasePage, SetRemark } from "./documents.js";
import { authorization, check, cutUrl, go, requests, soon, step, url, webSocket, type CaseEvent } from "./kit.js";

// doc: urql
const sockets = createClient({
  url: webSocket(cutUrl),
  connectionParams: () => ({ authorization }),
  retryAttempts: Infinity,
  retryWait: soon,
  shouldRetry: () => true,
});

const client = new Client({
  url,
  fetchOptions: () => ({ headers: { authorization } }),
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = "", variables }) => ({
        subscribe(sink) {
          // graphql-ws subscribes again with this object after a cut: the last cursor has to be in it.
          const resumed: Record<string, unknown> = { ...variables };
          const unsubscribe = sockets.subscribe<Record<string, unknown>, { cursor: string }>(
            { query, variables: resumed },
            {
              next(result) {
                resumed.after = result.extensions?.cursor;
                sink.next(result);
              },
              error: (reason) => sink.error(reason),
              complete: () => sink.complete(),
            },
          );
          return { unsubscribe };
        },
      }),
    }),
  ],
});

function caseEvents(take: (event: CaseEvent) => void, fail: (reason: unknown) => void): () => void {
  const { unsubscribe } = client
    .subscription(CaseEvents, {})
    .subscribe(({ data, error }) => (data ? take(data.caseEvents) : fail(error)));
  return unsubscribe;
}
// end

await go("urql", {
  async page(variables) {
    const { data, error } = await client.query(CasePage, variables);
    if (error) throw error;
    check(data, "no data");
    return data.cases;
  },
  async setRemark(input) {
    const { data, error } = await client.mutation(SetRemark, { input });
    check(data, error);
    return data.updateRemark.result;
  },
  caseEvents,
  tokenWithEachRequest: true,
});
await step("requests", async () => check(/^GET text, GET text, POST text, POST text, GET text, GET text$/.test(requests()), { sent: requests() }));
await sockets.dispose();
