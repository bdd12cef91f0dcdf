// Queries and mutations over HTTP. Every answer is a value: what was asked for, or why it was not given.
import type { Operation } from "./operation.ts";

export type Answer<Data> =
  | { readonly ok: true; readonly data: Data }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Run one operation at the desk that served the page. */
export async function ask<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables,
  token: string,
): Promise<Answer<Data>> {
  try {
    const response = await fetch("/graphql", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: operation, variables }),
    });
    const answer = await response.json();
    const error = answer.errors?.[0];
    if (error === undefined) return { ok: true, data: answer.data };
    return { ok: false, code: error.extensions?.code ?? "UNKNOWN", message: error.message };
  } catch (why) {
    return { ok: false, code: "NO_ANSWER", message: String(why) };
  }
}
