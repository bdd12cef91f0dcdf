// Risk Warning: the live cases, in the order in which they fall due, with their totals.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import { useLocation } from "preact-iso/router";
import { useMemo } from "preact/hooks";
import { CaseEventsDocument, CaseSummaryDocument, type CaseRowFragment, type CaseSummarySubscription } from "../../api/operations.ts";
import { formatAmount, formatCount } from "../../exact/format.ts";
import type { Copied } from "../../grid/clipboard.ts";
import { Columns } from "../../grid/columns.ts";
import { Grid } from "../../grid/grid.tsx";
import { GridState } from "../../grid/state.ts";
import type { CaseList } from "../../live/cases.ts";
import type { Following } from "../../live/desk.ts";
import type { Summary } from "../../live/summary.ts";
import { language, words } from "../../words/words.ts";
import { ContinuityLight } from "../continuity_light.tsx";
import { useLiquidate } from "../liquidate/use_liquidate.tsx";
import { useDesk, useFollowing } from "../desk.ts";
import { copy, ROW_HEIGHT, WaitingLine, wholeOf } from "../list_parts.tsx";
import { turned, type Sorting } from "../sorting.ts";
import { caseColumns } from "./columns.tsx";
import { DUE_FIRST, orderOf } from "./sorting.ts";

type Row = CaseRowFragment;
type Totals = CaseSummarySubscription["caseSummary"];

interface Followed {
  readonly cases: Following & { readonly list: CaseList<Row> };
  readonly totals: Following & { readonly summary: Summary<Totals> };
}

const LIVE_CASES = {};

export default function RiskWarning() {
  const cases = useFollowing((live) => live.cases<Row>(CaseEventsDocument, LIVE_CASES, orderOf(DUE_FIRST)));
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
  const { route } = useLocation();
  const say = words.value;
  const { rows } = cases.list;
  const liquidate = useLiquidate({ rows, light: cases.light });
  const sorting = useSignal<Sorting>(DUE_FIRST);
  // Titles are in the language of the page, so that another one makes the columns again.
  const state = useMemo(() => {
    const columns = new Columns("risk_warning", caseColumns(live), localStorage);
    return new GridState<Row>(rows, columns, wholeOf(cases.light));
  }, [live, rows, language.value]);
  const sortBy = (column: string) => {
    sorting.value = turned(sorting.value, column);
    rows.orderBy(orderOf(sorting.value));
    state.order.show();
  };
  const asked = {
    open: (id: string) => route(`/console/case/${encodeURIComponent(id)}`),
    copy: (content: Copied) => void copy(content),
    letter: (letter: string, ids: readonly string[]) => {
      if (letter !== "l" || liquidate.open === null) return false;
      liquidate.open(ids);
      return true;
    },
  };
  const isEmpty = rows.count.value === 0 && cases.light.state.value.is === "live";
  return (
    <>
      <div class="bar">
        <TotalsLine totals={totals.summary.totals} />
        <WaitingLine state={state} />
        {liquidate.open && <LiquidateChosen state={state} open={liquidate.open} />}
        <ContinuityLight light={cases.light} />
      </div>
      {isEmpty && <p class="empty">{say.noCases}</p>}
      <div class="grid-box">
        <Grid
          key={language.value}
          state={state}
          label={say.riskWarning}
          tick={say.choose}
          asked={asked}
          sorted={{ ...sorting.value, by: sortBy }}
          rowHeight={ROW_HEIGHT}
          letters
        />
      </div>
      {liquidate.dialog}
    </>
  );
}

/** Its number is that of the cases with which the dialog begins: those chosen that are still in the list. */
function LiquidateChosen({ state, open }: { state: GridState<Row>; open: (ids: readonly string[]) => void }) {
  if (state.selection.size.value === 0) return null;
  const ids = state.targets();
  return (
    <button type="button" disabled={ids.length === 0} onClick={() => open(ids)}>
      {words.value.liquidateChosen(formatCount(ids.length, language.value))}
    </button>
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
