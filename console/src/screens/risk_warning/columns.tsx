// The columns of Risk Warning: what the clipboard takes is the exact text, and what the cell shows is for people.
import { formatAmount, formatCount, formatRatio } from "../../exact/format.ts";
import type { CaseRowFragment } from "../../api/operations.ts";
import type { Column } from "../../grid/columns.ts";
import type { LiveDesk } from "../../live/desk.ts";
import { Countdown } from "../../parts/countdown.tsx";
import { Time } from "../../parts/time.tsx";
import { language, words } from "../../words/words.ts";

type Row = CaseRowFragment;
type Made = Column<Row>;

/** In the language of now; `live` has the clock of the countdown. */
export function caseColumns(live: LiveDesk): Made[] {
  const say = words.value;
  const { columns } = say;
  return [
    {
      id: "caseNo",
      title: columns.caseNo,
      width: 136,
      pinned: true,
      text: (row) => row.caseNo,
      shown: (row) => <a tabIndex={-1} href={`/console/case/${encodeURIComponent(row.id)}`}>{row.caseNo}</a>,
    },
    { id: "client", title: columns.client, width: 180, text: (row) => row.client.name, shown: (row) => <bdi>{row.client.name}</bdi> },
    { id: "account", title: columns.account, width: 96, text: (row) => row.account.accountNo },
    { id: "type", title: columns.accountType, width: 80, text: (row) => row.account.type, shown: (row) => say.accountType[row.account.type] },
    { id: "alert", title: columns.alert, width: 160, text: (row) => row.alertType, shown: (row) => say.alert[row.alertType] },
    { id: "status", title: columns.status, width: 170, text: (row) => row.status, shown: (row) => <Status row={row} /> },
    amount("amount", columns.amount, (row) => row.amount),
    amount("uncovered", columns.uncovered, (row) => row.uncoveredAmount),
    { id: "currency", title: columns.currency, width: 88, text: (row) => row.account.baseCurrency },
    { id: "deadline", title: columns.deadline, width: 150, text: (row) => row.deadline, shown: (row) => <Time iso={row.deadline} /> },
    { id: "left", title: columns.left, width: 120, text: (row) => row.deadline, shown: (row) => <Countdown iso={row.deadline} clock={live.time.time} /> },
    { id: "opened", title: columns.opened, width: 150, text: (row) => row.openedAt, shown: (row) => <Time iso={row.openedAt} /> },
    count("elapsed", columns.elapsed, (row) => row.elapsedHours),
    { id: "risk", title: columns.risk, width: 90, text: (row) => row.figures.riskLevel, shown: (row) => <Risk row={row} /> },
    { id: "ratio", title: columns.ratio, width: 110, isNumber: true, text: (row) => row.figures.netAssetRatio, shown: (row) => formatRatio(row.figures.netAssetRatio, language.value) },
    amount("lna", columns.lna, (row) => row.figures.liquidNetAssets),
    amount("mm", columns.mm, (row) => row.figures.maintenanceMargin),
    amount("mcm", columns.mcm, (row) => row.figures.marginCallMargin),
    amount("im", columns.im, (row) => row.figures.initialMargin),
    amount("fm", columns.fm, (row) => row.figures.forceCloseMargin),
    amount("cash", columns.cash, (row) => row.figures.cash),
    amount("long", columns.long, (row) => row.figures.longMarketValue),
    amount("short", columns.short, (row) => row.figures.shortMarketValue),
    amount("dead", columns.dead, (row) => row.figures.deadMarketValue),
    amount("equity", columns.equity, (row) => row.figures.equity),
    truth("forceEligible", columns.forceEligible, (row) => row.forceEligible),
    { id: "automatic", title: columns.automatic, width: 150, text: (row) => row.autoLiquidation?.at ?? null, shown: (row) => <Automatic row={row} /> },
    truth("longTerm", columns.longTerm, (row) => row.longTermUnsettled),
    count("followUps", columns.followUps, (row) => row.followUpCount),
    truth("muted", columns.muted, (row) => row.messagesMuted),
    { id: "remark", title: columns.remark, width: 240, text: (row) => row.remark, shown: (row) => <bdi>{row.remark}</bdi> },
    { id: "asOf", title: columns.asOf, width: 120, text: (row) => row.figures.asOf, shown: (row) => <Time iso={row.figures.asOf} shape="clock" /> },
  ];
}

function amount(id: string, title: string, text: (row: Row) => string | null): Made {
  const shown = (row: Row) => formatAmount(text(row), row.account.baseCurrency, language.value);
  return { id, title, width: 130, isNumber: true, text, shown };
}

function count(id: string, title: string, value: (row: Row) => number): Made {
  const shown = (row: Row) => formatCount(value(row), language.value);
  return { id, title, width: 90, isNumber: true, text: (row) => String(value(row)), shown };
}

function truth(id: string, title: string, is: (row: Row) => boolean): Made {
  const shown = (row: Row) => (is(row) ? words.value.yes : words.value.no);
  return { id, title, width: 100, text: (row) => String(is(row)), shown };
}

function Status({ row }: { row: Row }) {
  const say = words.value;
  return (
    <>
      {say.status[row.status]} {row.claim && <bdi title={say.claimedBy(row.claim.by)}>({row.claim.by})</bdi>}
    </>
  );
}

function Risk({ row }: { row: Row }) {
  const { riskLevel, stale } = row.figures;
  return (
    <span class={`risk ${riskLevel}`} title={stale ? words.value.stale : undefined}>
      {words.value.risk[riskLevel]}
      {stale && " ⚠"}
    </span>
  );
}

function Automatic({ row }: { row: Row }) {
  if (row.autoLiquidation === null) return <>–</>;
  return <Time iso={row.autoLiquidation.at} />;
}
