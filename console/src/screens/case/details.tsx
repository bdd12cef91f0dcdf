// The details of one case: what is to be collected, from which figures, cash and positions.
import { useSignal, type Signal } from "@preact/signals";
import { useRoute } from "preact-iso/router";
import { CaseDetailsDocument, CaseEventsDocument, type CaseDetailsQuery, type CaseRowFragment, type CaseStatus } from "../../api/operations.ts";
import { formatCount } from "../../exact/format.ts";
import type { Light } from "../../live/light.ts";
import { Amount, Price, Quantity, Ratio } from "../../parts/amount.tsx";
import { Fact } from "../../parts/fact.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { API_LANGUAGE, language, words } from "../../words/words.ts";
import { ContinuityLight } from "../continuity_light.tsx";
import { useAnswer, useFollowing } from "../desk.ts";
import { useLiquidate } from "../liquidate/use_liquidate.tsx";
import { Processing } from "./processing.tsx";

type Case = NonNullable<CaseDetailsQuery["case"]>;
type Cash = NonNullable<Case["account"]["cashBalances"]>[number];
type Position = NonNullable<Case["account"]["positions"]>["nodes"][number];
type FollowUp = Case["followUps"]["nodes"][number];

const inAnyOrder = () => 0;

export default function Details() {
  const { params } = useRoute();
  const id = params["id"] ?? "";
  return <DetailsOf key={id} id={decodeURIComponent(id)} />;
}

function DetailsOf({ id }: { id: string }) {
  const { answer, again } = useAnswer(CaseDetailsDocument, () => ({ id, language: API_LANGUAGE[language.value] }));
  const say = words.value;
  const given = answer.value;
  if (given === null) return <p aria-busy="true">{say.loading}</p>;
  if (!given.ok) return <ProblemNote {...given} again={again} />;
  if (given.data.case === null) return <p class="empty">{say.caseNotFound}</p>;
  return <Live case={given.data.case} />;
}

/** What was read, with the newest amounts and figures over it. */
function Live({ case: read }: { case: Case }) {
  const { accountNo } = read.account;
  const ofAccount: { readonly accountNo: string; readonly status?: readonly CaseStatus[] } = { accountNo };
  const cases = useFollowing((live) => live.cases<CaseRowFragment>(CaseEventsDocument, ofAccount, inAnyOrder));
  // The list is read so that the page is drawn again when the case comes into it.
  const entry = cases?.list.rows.ids.value.includes(read.id) ? cases.list.rows.entry(read.id)?.value : undefined;
  const liquidate = useLiquidate(cases && { rows: cases.list.rows, light: cases.light });
  const open = entry?.gone === null ? liquidate.open : null;
  return (
    <>
      <Found
        case={entry === undefined ? read : newest(read, entry.row)}
        light={cases?.light}
        liquidate={open && ((symbols) => open([read.id], symbols))}
      />
      {/* Its results stay when the case has ended and left the list. */}
      {liquidate.dialog}
    </>
  );
}

function newest(read: Case, { status, amount, uncoveredAmount, deadline, remark, figures }: CaseRowFragment): Case {
  return { ...read, status, amount, uncoveredAmount, deadline, remark, figures };
}

interface FoundProps {
  readonly case: Case;
  readonly light: Light | undefined;
  /** Opens the dialog for these positions, or for the desk to select; null where that may not be. */
  readonly liquidate: ((symbols: readonly string[]) => void) | null;
}

function Found({ case: shown, light, liquidate }: FoundProps) {
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const say = words.value;
  const { account, client, figures } = shown;
  const currency = account.baseCurrency;
  return (
    <article class="details">
      <h1>
        {shown.caseNo} <bdi>{client.name}</bdi>
      </h1>
      {light && <ContinuityLight light={light} />}
      {liquidate && (
        <p>
          <button type="button" onClick={() => liquidate([])}>
            {say.liquidate}
          </button>{" "}
          {chosen.value.size > 0 && (
            <button type="button" onClick={() => liquidate([...chosen.value])}>
              {say.liquidateChosen(formatCount(chosen.value.size, language.value))}
            </button>
          )}
        </p>
      )}
      <dl class="facts">
        <Fact title={say.columns.status}>{say.status[shown.status]}</Fact>
        <Fact title={say.columns.alert}>{say.alert[shown.alertType]}</Fact>
        <Fact title={say.columns.account}>
          {account.accountNo} · {say.accountType[account.type]}
        </Fact>
        <Fact title={`${say.columns.amount} (${currency})`}>
          <Amount text={shown.amount} currency={currency} />
        </Fact>
        <Fact title={`${say.columns.uncovered} (${currency})`}>
          <Amount text={shown.uncoveredAmount} currency={currency} />
        </Fact>
        <Fact title={say.columns.opened}>
          <Time iso={shown.openedAt} />
        </Fact>
        <Fact title={say.columns.deadline}>
          <Time iso={shown.deadline} />
        </Fact>
        <Fact title={say.columns.remark}>
          <bdi>{shown.remark === "" ? "–" : shown.remark}</bdi>
        </Fact>
      </dl>
      <Figures figures={figures} currency={currency} />
      <h2>{say.cash}</h2>
      <Table
        caption={say.cash}
        columns={cashColumns(currency)}
        rows={account.cashBalances ?? []}
        keyOf={(row) => row.currency}
        empty={say.noCash}
      />
      <h2>
        {say.positions} {account.positions && <More shown={account.positions.nodes.length} all={account.positions.totalCount} />}
      </h2>
      <Table
        caption={say.positions}
        columns={liquidate ? [chooseColumn(chosen), ...positionColumns(currency), liquidateColumn(liquidate)] : positionColumns(currency)}
        rows={account.positions?.nodes ?? []}
        keyOf={(row) => row.id}
        empty={say.noPositions}
      />
      <Processing caseId={shown.id} />
      <h2>{say.followUps}</h2>
      <Table caption={say.followUps} columns={followUpColumns()} rows={shown.followUps.nodes} keyOf={(row) => row.id} empty={say.noFollowUps} />
      <p class="note">{say.personalRead}</p>
    </article>
  );
}

function More({ shown, all }: { shown: number; all: number }) {
  return shown < all ? <small>{words.value.more(String(shown), String(all))}</small> : null;
}

function Figures({ figures, currency }: { figures: Case["figures"]; currency: string }) {
  const say = words.value;
  const amounts = [
    ["cash", figures.cash],
    ["long", figures.longMarketValue],
    ["short", figures.shortMarketValue],
    ["equity", figures.equity],
    ["lna", figures.liquidNetAssets],
    ["im", figures.initialMargin],
    ["mm", figures.maintenanceMargin],
    ["mcm", figures.marginCallMargin],
    ["fm", figures.forceCloseMargin],
  ] as const;
  return (
    <section>
      <h2>
        {say.figures} ({currency}) <small><Time iso={figures.asOf} shape="clock" /></small>
        {figures.stale && <strong class="stale"> {say.stale}</strong>}
      </h2>
      <dl class="facts">
        {amounts.map(([key, text]) => (
          <Fact key={key} title={say.columns[key]}>
            <Amount text={text} currency={currency} />
          </Fact>
        ))}
        <Fact title={say.columns.ratio}>
          <Ratio text={figures.netAssetRatio} />
        </Fact>
        <Fact title={say.columns.risk}>
          <span class={`risk ${figures.riskLevel}`}>{say.risk[figures.riskLevel]}</span>
        </Fact>
      </dl>
    </section>
  );
}

function cashColumns(base: string): Column<Cash>[] {
  const { columns } = words.value;
  return [
    { key: "currency", title: columns.currency, cell: (row) => row.currency },
    { key: "balance", title: columns.balance, digits: true, cell: (row) => <Amount text={row.balance} currency={row.currency} /> },
    { key: "base", title: `${columns.baseValue} (${base})`, digits: true, cell: (row) => <Amount text={row.baseValue} currency={base} /> },
  ];
}

function chooseColumn(chosen: Signal<ReadonlySet<string>>): Column<Position> {
  const { choose } = words.value;
  const toggle = (symbol: string) => {
    const changed = new Set(chosen.value);
    if (!changed.delete(symbol)) changed.add(symbol);
    chosen.value = changed;
  };
  const cell = ({ instrument: { symbol } }: Position) => (
    <input type="checkbox" aria-label={`${choose} ${symbol}`} checked={chosen.value.has(symbol)} onChange={() => toggle(symbol)} />
  );
  return { key: "choose", title: choose, cell };
}

function liquidateColumn(liquidate: (symbols: readonly string[]) => void): Column<Position> {
  const say = words.value;
  const cell = ({ instrument: { symbol } }: Position) => (
    <button type="button" aria-label={`${say.liquidate} ${symbol}`} onClick={() => liquidate([symbol])}>
      {say.liquidate}
    </button>
  );
  return { key: "liquidate", title: say.liquidate, cell };
}

function positionColumns(base: string): Column<Position>[] {
  const { columns } = words.value;
  const priced = (text: string | null, row: Position) => <Price text={text} currency={row.instrument.currency} />;
  return [
    { key: "symbol", title: columns.symbol, cell: (row) => row.instrument.symbol },
    { key: "name", title: columns.name, cell: (row) => <bdi>{row.instrument.name}</bdi> },
    { key: "quantity", title: columns.quantity, digits: true, cell: (row) => <Quantity text={row.quantity} /> },
    { key: "sellable", title: columns.sellable, digits: true, cell: (row) => <Quantity text={row.sellableQuantity} /> },
    { key: "cost", title: columns.cost, digits: true, cell: (row) => priced(row.averageCost, row) },
    { key: "mark", title: columns.mark, digits: true, cell: (row) => priced(row.mark, row) },
    { key: "currency", title: columns.currency, cell: (row) => row.instrument.currency },
    { key: "value", title: columns.value, digits: true, cell: (row) => <Amount text={row.marketValue} currency={row.instrument.currency} /> },
    { key: "base", title: `${columns.baseValue} (${base})`, digits: true, cell: (row) => <Amount text={row.baseMarketValue} currency={base} /> },
    { key: "mm", title: columns.mm, digits: true, cell: (row) => <Ratio text={row.factors.maintenance} /> },
  ];
}

function followUpColumns(): Column<FollowUp>[] {
  const { columns } = words.value;
  return [
    { key: "at", title: columns.at, cell: (row) => <Time iso={row.at} /> },
    { key: "by", title: columns.by, cell: (row) => <bdi>{row.by}</bdi> },
    { key: "text", title: columns.text, cell: (row) => <bdi>{row.text}</bdi> },
  ];
}
