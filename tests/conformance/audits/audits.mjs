// The audits of graphql-http: each requirement of the specification "GraphQL over HTTP", tried at DESK_URL with TOKEN.
import { serverAudits } from "graphql-http";

const EXPECTED = 61;

const audits = serverAudits({
  url: process.env.DESK_URL,
  fetchFn: (url, init = {}) =>
    fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${process.env.TOKEN}` } }),
});
const results = await Promise.all(audits.map((audit) => audit.fn()));
const bad = results.filter((result) => result.status !== "ok").map((result) => `${result.id} ${result.name}`);
if (bad.length) throw new Error(`not ok: ${bad.join("; ")}`);
if (results.length !== EXPECTED) throw new Error(`${results.length} audits instead of ${EXPECTED}`);
console.log(JSON.stringify({ step: `${EXPECTED} audits` }));
