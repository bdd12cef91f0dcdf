// Risk Warning: the live cases, in the order in which they fall due, with their totals.
import { useComputed, type ReadonlySignal } from "@preact/signals";
import { CaseEventsDocument, CaseSummaryDocument, type CaseRowFragment, type CaseSummarySubscription } from "../../api/operations.ts";
import { formatAmount, formatCount } from "../../exact/format.ts";
import type { Column } from "../../grid/columns.ts";
import type { CaseList } from "../../live/cases.ts";
import type { Following } from "../../live/desk.ts";
import { byText, byTime } from "../../live/order_of_rows.ts";
import type { Entry } from "../../live/rows.ts";
import type { Summary } from "../../live/summary.ts";
import { language, words } from "../../words/words.ts";
import { ContinuityLight } from "../continuity_light.tsx";
import { useDesk, useFollowing } from "../desk.ts";
import { caseColumns } from "./columns.tsx";

type Row = CaseRowFragment;
type Totals = CaseSummarySubscription["caseSummary"];

interface Followed {
  readonly cases: Following & { readonly list: CaseList<Row> };
  readonly totals: Following & { readonly summary: Summary<Totals> };
}

/** Rows drawn at once; the totals count all. */
const DRAWN_MOST = 500;
const LIVE_CASES = {};
const due = byTime<Row>((row) => row.deadline, "ASC");
const numbered = byText<Row>((row) => row.caseNo, "ASC", "en");
const order = (a: Row, b: Row) => due(a, b) || numbered(a, b);

export default function RiskWarning() {
  const cases = useFollowing((live) => live.cases<Row>(CaseEventsDocument, LIVE_CASES, order));
  const totals = useFollowing((live) => live.summary<Totals>(CaseSummaryDocument, LIVE_CASES));
  const say = words.value;
  return (
    <section class="list" aria-label={say.riskWarning}>
      <h1>{say.riskWarning}</h1>
      {cases && totals && <Cases cases={cases} totals={totals} />}
    </section>
  );
}

function Cases({ cases, totals }: Followed) {
  const { live } = useDesk();
  const say = words.value;
  const columns = caseColumns(live);
  const { rows } = cases.list;
  const drawn = useComputed(() => rows.ids.value.slice(0, DRAWN_MOST)).value;
  const all = rows.ids.value.length;
  return (
    <>
      <div class="bar">
        <TotalsLine totals={totals.summary.totals} />
        <ContinuityLight light={cases.light} />
      </div>
      {all === 0 && cases.light.state.value.is === "live" ? <p class="empty">{say.noCases}</p> : null}
      {all > DRAWN_MOST && <p class="note">{say.more(formatCount(DRAWN_MOST, language.value), formatCount(all, language.value))}</p>}
      <div class="table" tabIndex={0} role="region" aria-label={say.riskWarning}>
        <table>
          <caption class="unseen">{say.riskWarning}</caption>
          <thead>
            <tr>
              {columns.map(({ id, title, isNumber }) => (
                <th key={id} scope="col" class={isNumber ? "digits" : undefined}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {drawn.map((id) => {
              const entry = rows.entry(id);
              return entry && <CaseLine key={id} entry={entry} columns={columns} />;
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Repaints alone when its case changes. */
function CaseLine({ entry, columns }: { entry: ReadonlySignal<Entry<Row>>; columns: readonly Column<Row>[] }) {
  const { row, gone } = entry.value;
  return (
    <tr class={gone ? "gone" : undefined} title={gone ? words.value.ended : undefined}>
      {columns.map(({ id, isNumber, text, shown }) => (
        <td key={id} class={isNumber ? "digits" : undefined} title={isNumber ? (text(row) ?? undefined) : undefined}>
          {shown ? shown(row) : text(row)}
        </td>
      ))}
    </tr>
  );
}

function TotalsLine({ totals }: { totals: ReadonlySignal<Totals | null> }) {
  const say = words.value;
  const shown = totals.value;
  if (shown === null) return <p aria-busy="true">{say.loading}</p>;
  const total = formatAmount(shown.totalAmount, shown.currency, language.value);
  return (
    <p>
      <strong>{say.openCases(formatCount(shown.openCases, language.value))}</strong>{" "}
      <span title={`${shown.totalAmount} ${shown.currency}`}>{say.total(total, shown.currency)}</span>
    </p>
  );
}
