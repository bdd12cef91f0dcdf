// Cases as the page has them now: one that has left its list is not sold.
import type { CaseRowFragment } from "../../api/operations.ts";
import type { Rows } from "../../live/rows.ts";
import type { AskedCase } from "./planned.ts";

type Row = CaseRowFragment;

/** Null if the case has left the list, or was never in it. */
export function presentRow<Shown extends { readonly id: string }>(rows: Rows<Shown>, id: string): Shown | null {
  const entry = rows.entry(id)?.peek();
  return entry?.gone === null ? entry.row : null;
}

/** Those of these ids that are in the list, in their order. */
export function presentCases(rows: Rows<Row>, ids: readonly string[]): AskedCase[] {
  const present = ids.map((id) => presentRow(rows, id)).filter((row) => row !== null);
  return present.map(({ id, caseNo, client, account }) => ({ id, caseNo, clientName: client.name, currency: account.baseCurrency }));
}
