// Apollo Client: POST, or with --get GET for queries, or with --persisted the hash of a query first.
// First: it counts the requests of `fetch`, which Apollo Client looks up when it is imported.
import { authorization, check, cutUrl, go, requests, soon, step, url, webSocket, type CaseEvent } from "./kit.js";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { createHash } from "node:crypto";
import { tap } from "rxjs";
import { CaseEvents, CasePage, SetRemark } from "./documents.js";
import possibleTypes from "./gql/possible-types.js";

const useGETForQueries = process.argv.includes("--get");
const persisted = process.argv.includes("--persisted");

// doc: Apollo Client
const http = new HttpLink({ uri: url, headers: { authorization }, useGETForQueries });
const queries = persisted
  ? new PersistedQueryLink({ sha256: (text) => createHash("sha256").update(text).digest("hex") }).concat(http)
  : http;

const sockets = createClient({
  url: webSocket(cutUrl),
  connectionParams: () => ({ authorization }),
  retryAttempts: Infinity,
  retryWait: soon,
  shouldRetry: () => true,
});
/** GraphQLWsLink subscribes again with the same variables after a cut: the last cursor has to be in them. */
const resumed = new ApolloLink((operation, forward) =>
  forward(operation).pipe(
    tap(({ extensions }) => {
      if (extensions?.cursor) operation.variables.after = extensions.cursor;
    }),
  ),
);

const client = new ApolloClient({
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    resumed.concat(new GraphQLWsLink(sockets)),
    queries,
  ),
  cache: new InMemoryCache({
    ...possibleTypes, // For fragments on interfaces, such as Refusal.
    typePolicies: { Query: { fields: { cases: relayStylePagination(["filter", "orderBy"]) } } },
  }),
});

function caseEvents(take: (event: CaseEvent) => void, fail: (reason: unknown) => void): () => void {
  const subscription = client.subscribe({ query: CaseEvents }).subscribe({
    next: ({ data, error }) => (data ? take(data.caseEvents) : fail(error)),
    error: fail,
  });
  return () => subscription.unsubscribe();
}
// end

const watched = client.watchQuery({ query: CasePage, variables: { first: 3 } });
await go("Apollo Client", {
  async page({ first, after }) {
    const { data } = after
      ? await watched.fetchMore({ variables: { first, after } })
      : await client.query({ query: CasePage, variables: { first } });
    check(data, "no data");
    return data.cases;
  },
  async setRemark(input) {
    const { data } = await client.mutate({ mutation: SetRemark, variables: { input } });
    check(data, "no data");
    return data.updateRemark.result;
  },
  caseEvents,
  tokenWithEachRequest: true,
});
await step("store", async () => {
  const data = client.readQuery({ query: CasePage, variables: { first: 3 } });
  check(data?.cases.edges.length === 6, { pages: data?.cases.edges.length });
});
await step("requests", async () => {
  const first = persisted ? "POST hash, POST text" : useGETForQueries ? "GET text, GET text" : "POST text, POST text";
  const rest = useGETForQueries ? "POST text, POST text, GET text, GET text" : "";
  check(requests().startsWith(first) && requests().endsWith(rest), { sent: requests() });
});
client.stop();
await sockets.dispose();
