// What became of each case, one line each, until the person closes the dialog.
import { useLayoutEffect, useRef } from "preact/hooks";
import { formatCount } from "../../exact/format.ts";
import { Table, type Column } from "../../parts/table.tsx";
import { actionWords } from "../../words/actions/words.ts";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { language, words } from "../../words/words.ts";
import { RefusalNote } from "../refusal.tsx";
import type { AskedCase } from "./planned.ts";
import { money } from "./plan_view.tsx";
import { RequestLink } from "./reason.tsx";
import { toLookAgain, type Line } from "./sale.ts";

interface ResultsProps {
  readonly lines: readonly Line[];
  /** Decide again about these cases. */
  readonly lookAgain: (cases: readonly AskedCase[]) => void;
  readonly onClose: () => void;
}

export function Results({ lines, lookAgain, onClose }: ResultsProps) {
  const say = liquidateWords.value;
  const again = toLookAgain(lines);
  const shown = useRef<HTMLElement>(null);
  // The button that had the focus is gone. A key that is still held must not press the one that took its place.
  useLayoutEffect(() => shown.current?.focus(), []);
  return (
    <section ref={shown} tabIndex={-1} aria-label={say.results}>
      <h3>{say.results}</h3>
      <Table caption={say.results} columns={columns()} rows={lines} keyOf={(line) => line.case.id} empty="" />
      <div class="dialog-actions">
        {again.length > 0 && (
          <button type="button" onClick={() => lookAgain(again)}>
            {say.lookAgain(formatCount(again.length, language.value))}
          </button>
        )}
        <button type="button" onClick={onClose}>
          {actionWords.value.close}
        </button>
      </div>
    </section>
  );
}

function columns(): Column<Line>[] {
  const { columns: titles } = words.value;
  return [
    { key: "case", title: titles.caseNo, cell: (line) => line.case.caseNo },
    { key: "client", title: titles.client, cell: (line) => <bdi>{line.case.clientName}</bdi> },
    { key: "result", title: liquidateWords.value.results, cell: (line) => <Outcome line={line} /> },
  ];
}

function Outcome({ line }: { line: Line }) {
  const say = liquidateWords.value;
  const { currency } = line.case;
  switch (line.is) {
    case "placed":
      return <>{say.placed(formatCount(line.orders, language.value), money(line.amountAfter, currency))}</>;
    case "asked":
      return (
        <>
          <strong>{line.before ? say.askedBefore : say.asked}</strong> <RequestLink id={line.request} />
          <br />
          <small lang="en">{line.message}</small>
        </>
      );
    case "refused":
      return (
        <>
          <RefusalNote code={line.code} message={line.message} />{" "}
          {line.now && <small>{say.nowPlan(money(line.now.notional, currency), money(line.now.amountAfter, currency))}</small>}
        </>
      );
    case "missing":
      return <strong class="refusal">{say.missing}</strong>;
  }
}
