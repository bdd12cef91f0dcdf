// Relay: POST, subscriptions over graphql-ws, and a store with one record for each id.
import { createClient } from "graphql-ws";
import {
  commitMutation,
  createOperationDescriptor,
  Environment,
  fetchQuery,
  getFragment,
  getRequest,
  getSingularSelector,
  graphql,
  Network,
  Observable,
  RecordSource,
  requestSubscription,
  Store,
  type FetchFunction,
  type GraphQLResponse,
  type SubscribeFunction,
} from "relay-runtime";
import { authorization, check, cutUrl, go, soon, step, url, webSocket, type LiveCase, type RemarkResult } from "../kit.js";
import type { relayCases$data } from "./__generated__/relayCases.graphql";
import type { relayEventsSubscription } from "./__generated__/relayEventsSubscription.graphql";
import oneCase, { type relayCaseQuery } from "./__generated__/relayCaseQuery.graphql";
import nextPage, { type relayNextPageQuery } from "./__generated__/relayNextPageQuery.graphql";
import type { relayPageQuery } from "./__generated__/relayPageQuery.graphql";
import type { relayRemarkMutation } from "./__generated__/relayRemarkMutation.graphql";

type Cases = relayCases$data["cases"];

// doc: Relay
const ask: FetchFunction = async ({ text, name }, variables): Promise<GraphQLResponse> => {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      authorization,
      accept: "application/graphql-response+json",
      "content-type": "application/json",
    },
    body: JSON.stringify({ query: text, operationName: name, variables }),
  });
  return answer.json();
};

const sockets = createClient({
  url: webSocket(cutUrl),
  connectionParams: () => ({ authorization }),
  retryAttempts: Infinity,
  retryWait: soon,
  shouldRetry: () => true,
});

const subscribe: SubscribeFunction = ({ text, name }, variables) =>
  Observable.create((sink) => {
    const resumed: Record<string, unknown> = { ...variables }; // Sent again after a cut, with the last cursor in it.
    return sockets.subscribe<Record<string, unknown>, { cursor: string }>(
      { query: text ?? "", operationName: name, variables: resumed },
      {
        next(result) {
          resumed.after = result.extensions?.cursor;
          sink.next(result as GraphQLResponse);
        },
        error: (reason) => sink.error(reason as Error),
        complete: () => sink.complete(),
      },
    );
  });

const environment = new Environment({
  network: Network.create(ask, subscribe),
  store: new Store(new RecordSource()),
});
// end

const cases = graphql`
  fragment relayCases on Query
  @argumentDefinitions(first: { type: "Int", defaultValue: 3 }, after: { type: "String" })
  @refetchable(queryName: "relayNextPageQuery") {
    cases(first: $first, after: $after) @connection(key: "relay_cases") {
      edges { cursor node { id caseNo status amount version remark client { id name } } }
      pageInfo { endCursor hasNextPage }
    }
  }
`;
// Relay refetches one object through `node`.
graphql`
  fragment relayCase on Case @refetchable(queryName: "relayCaseQuery") {
    caseNo remark
  }
`;
const firstPage = graphql`
  query relayPageQuery($first: Int!) {
    ...relayCases @arguments(first: $first)
  }
`;
const setRemark = graphql`
  mutation relayRemarkMutation($input: UpdateRemarkInput!) {
    updateRemark(input: $input) {
      result {
        __typename
        ... on CaseChanged { case { id remark version } }
        ... on Refusal { code message details { case { id version } } }
      }
    }
  }
`;
const events = graphql`
  subscription relayEventsSubscription($after: String) {
    caseEvents(after: $after) { id cursor kind case { id caseNo status amount remark } }
  }
`;

/** What the store has of the connection, all pages together. */
function stored(query: relayPageQuery["response"]): Cases {
  const selector = getSingularSelector(getFragment(cases), query);
  check(selector, "no fragment");
  return (environment.lookup(selector).data as relayCases$data).cases;
}

async function page({ first, after }: { first: number; after?: string | null }): Promise<Cases> {
  const query = after
    ? await fetchQuery<relayNextPageQuery>(environment, nextPage, { first, after }).toPromise()
    : await fetchQuery<relayPageQuery>(environment, firstPage, { first }).toPromise();
  check(query, "no data");
  const all = stored(query);
  return { ...all, edges: all.edges.slice(-first) };
}

function changeRemark(input: relayRemarkMutation["variables"]["input"]): Promise<RemarkResult> {
  return new Promise((resolve, reject) => {
    commitMutation<relayRemarkMutation>(environment, {
      mutation: setRemark,
      variables: { input },
      onCompleted: (data, errors) => (errors ? reject(errors) : resolve(data.updateRemark.result)),
      onError: reject,
    });
  });
}

function caseEvents(take: (event: LiveCase) => void, fail: (reason: unknown) => void): () => void {
  const { dispose } = requestSubscription<relayEventsSubscription>(environment, {
    subscription: events,
    variables: {},
    onNext: (data) => (data ? take(data.caseEvents) : fail("no data")),
    onError: fail,
  });
  return dispose;
}

/** The newest remark of a case, wherever it came from: the pages, the mutation or an event. */
const remarkOf = (id: string): unknown => environment.getStore().getSource().get(id)?.remark;

async function main(): Promise<void> {
  // Without this the store may forget what nothing displays.
  const retained = environment.retain(createOperationDescriptor(getRequest(firstPage), { first: 3 }));
  const remarks = new Map<string, string>();
  await go("Relay", {
    page,
    setRemark: changeRemark,
    tokenWithEachRequest: true,
    caseEvents: (take, fail) =>
      caseEvents((event) => {
        remarks.set(event.case.id, event.case.remark);
        take(event);
      }, fail),
  });
  await step("store", async () => {
    for (const [id, remark] of remarks) check(remarkOf(id) === remark, { id, remark, stored: remarkOf(id) });
    const [id = ""] = remarks.keys();
    const refetched = await fetchQuery<relayCaseQuery>(environment, oneCase, { id }).toPromise();
    check(refetched?.node && remarkOf(id) === remarks.get(id), { refetched });
  });
  retained.dispose();
  await sockets.dispose();
}

void main();
