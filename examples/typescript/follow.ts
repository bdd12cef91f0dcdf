// Follow margin calls live, and after a cut go on behind the last one: none is missed, none is seen twice.
//
//     npm ci
//     TOKEN=... npm start -- [ws://127.0.0.1:8000/graphql]
import { createClient } from "graphql-ws";
import { pathToFileURL } from "node:url";
import WebSocket from "ws";

const CASES = `subscription ($after: String) {
  caseEvents(after: $after) { id kind case { caseNo status amount } }
}`;
const REMEMBERED_IDS = 1000;

export interface CaseEvent {
  id: string;
  kind: string;
  case: { caseNo: string; status: string; amount: string };
}

/** Events without end. Throws errors that a retry cannot solve, such as CURSOR_EXPIRED: query the list. */
export async function* caseEvents(url: string, token: () => string): AsyncGenerator<CaseEvent> {
  let reported = "";
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: () => ({ authorization: `Bearer ${token()}` }),
    retryAttempts: Infinity,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 900)),
    shouldRetry: () => true, // Close codes that mean a mistake of the client are never retried.
    on: {
      closed: (event) => {
        const why = ((closed) => `${closed.code} ${closed.reason}`)(event as CloseEvent);
        if (why !== reported) console.error(`trying ${url} again: ${(reported = why)} (4403: TOKEN is refused)`);
      },
    },
  });
  // graphql-ws subscribes again by itself with this object, so the cursor is kept in it.
  const variables: { after: string | null } = { after: null };
  const seen = new Set<string>();
  const events = client.iterate<{ caseEvents: CaseEvent }, { cursor: string }>({ query: CASES, variables });
  for await (const result of events) {
    if (result.errors || !result.data) throw new Error(JSON.stringify(result.errors));
    const event = result.data.caseEvents;
    if (!seen.has(event.id)) yield event;
    seen.add(event.id);
    if (seen.size > REMEMBERED_IDS) seen.delete(seen.values().next().value!);
    variables.after = result.extensions!.cursor; // Only now: an unprocessed event comes again.
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (!process.env.TOKEN) throw new Error("TOKEN is not set");
  const url = process.argv[2] ?? "ws://127.0.0.1:8000/graphql";
  for await (const event of caseEvents(url, () => process.env.TOKEN!)) {
    const { caseNo, status, amount } = event.case;
    console.log(event.id, event.kind, caseNo, status, amount);
  }
}
