// The plans of several cases, a line each, with totals by currency, and the cases that are left out.
import type { PlanTotalsFragment } from "../../api/operations.ts";
import { formatCount } from "../../exact/format.ts";
import { Amount } from "../../parts/amount.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { language, words } from "../../words/words.ts";
import { RefusalNote } from "../refusal.tsx";
import { fateOf, type Overview, type Planned, type Totals } from "./planned.ts";
import { codeText, RequestLink } from "./reason.tsx";

interface BatchViewProps {
  readonly overview: Overview;
  readonly left: readonly Planned[];
  readonly tryLeftOut: () => void;
}

export function BatchView({ overview: { planned, totals }, left, tryLeftOut }: BatchViewProps) {
  const say = liquidateWords.value;
  const count = (value: number) => formatCount(value, language.value);
  const asked = planned.filter((each) => fateOf(each) === "ask").length;
  return (
    <>
      {totals && planned.length > 0 && <TotalsView totals={totals} />}
      <p>
        <strong>{say.needSecondPerson(count(asked), count(planned.length))}</strong>
      </p>
      <Table caption={say.plan} columns={caseColumns()} rows={planned} keyOf={(row) => row.case.id} empty={say.nothingSellable} />
      {left.length > 0 && (
        <>
          <h3>{say.leftOut(count(left.length))}</h3>
          <p class="note">
            {say.leftOutNote}{" "}
            <button type="button" onClick={tryLeftOut}>
              {say.tryLeftOut}
            </button>
          </p>
          <Table caption={say.leftOut(count(left.length))} columns={leftColumns()} rows={left} keyOf={(row) => row.case.id} empty="" />
        </>
      )}
    </>
  );
}

/** Different currencies are never added, except in the currency of the desk's reports. */
function TotalsView({ totals }: { totals: Totals }) {
  const say = liquidateWords.value;
  const inAll: Sums = { ...totals.total, name: `${say.together}, ${totals.total.currency}` };
  const rows: Sums[] = totals.byCurrency.map((each) => ({ ...each, name: each.currency }));
  return (
    <>
      <Table caption={say.totals} columns={totalColumns()} rows={[...rows, inAll]} keyOf={(row) => row.name} empty="" />
      {totals.unconverted.length > 0 && <p class="note">{say.unconverted(totals.unconverted.join(", "))}</p>}
    </>
  );
}

type Sums = PlanTotalsFragment & { readonly name: string };

function totalColumns(): Column<Sums>[] {
  const say = liquidateWords.value;
  const amount = (key: "amountBefore" | "notional" | "amountAfter", title: string): Column<Sums> => ({
    key,
    title,
    digits: true,
    cell: (row) => <Amount text={row[key]} currency={row.currency} />,
  });
  return [
    { key: "name", title: words.value.columns.currency, cell: (row) => row.name },
    amount("amountBefore", say.before),
    amount("notional", say.notional),
    amount("amountAfter", say.after),
  ];
}

function caseColumns(): Column<Planned>[] {
  const say = liquidateWords.value;
  const { columns } = words.value;
  const amount = (key: "amountBefore" | "notional" | "amountAfter", title: string): Column<Planned> => ({
    key,
    title,
    digits: true,
    cell: ({ plan, case: { currency } }) => <Amount text={plan[key]} currency={currency} />,
  });
  return [
    { key: "case", title: columns.caseNo, cell: (row) => row.case.caseNo },
    { key: "client", title: columns.client, cell: (row) => <bdi>{row.case.clientName}</bdi> },
    { key: "fate", title: say.plan, cell: (row) => say.fate[fateOf(row)] },
    { key: "orders", title: say.orders, digits: true, cell: (row) => formatCount(row.plan.legs.length, language.value) },
    { key: "currency", title: columns.currency, cell: (row) => row.case.currency },
    amount("amountBefore", say.before),
    amount("notional", say.notional),
    amount("amountAfter", say.after),
    { key: "uncurable", title: say.uncurable, cell: (row) => uncurableText(row) },
  ];
}

/** Such as "700.HK: suspended or delisted". */
function uncurableText({ plan }: Planned): string {
  return plan.uncurable.map(({ symbol, reason }) => `${symbol}: ${codeText(reason)}`).join("; ");
}

function leftColumns(): Column<Planned>[] {
  const { columns } = words.value;
  return [
    { key: "case", title: columns.caseNo, cell: (row) => row.case.caseNo },
    { key: "client", title: columns.client, cell: (row) => <bdi>{row.case.clientName}</bdi> },
    {
      key: "reason",
      title: columns.reason,
      cell: ({ plan: { refusal } }) =>
        refusal === null ? (
          codeText("CASE_CLOSED")
        ) : (
          <>
            <RefusalNote {...refusal} /> <RequestLink id={refusal.details.approval?.id ?? null} />
          </>
        ),
    },
  ];
}
