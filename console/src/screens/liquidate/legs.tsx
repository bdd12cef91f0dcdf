// Positions of one case: which of them to close, in lots, and at which limits.
import type { Signal } from "@preact/signals";
import type { TargetedKeyboardEvent } from "preact";
import type { LiquidationBasisQuery } from "../../api/operations.ts";
import { formatQuantity } from "../../exact/format.ts";
import { lotsIn, stepped } from "../../exact/lots.ts";
import { Price, Quantity } from "../../parts/amount.tsx";
import { isComposed } from "../../parts/composed.ts";
import { Table, type Column } from "../../parts/table.tsx";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { language, words } from "../../words/words.ts";
import { EMPTY_LEG, isPriced, type Entries, type Fault, type LegEntry } from "./entries.ts";

type Account = NonNullable<NonNullable<LiquidationBasisQuery["case"]>["account"]>;
export type Position = NonNullable<Account["positions"]>["nodes"][number];

interface LegsProps {
  readonly entries: Signal<Entries>;
  readonly faults: readonly Fault[];
  readonly positions: readonly Position[];
  readonly positionsInAll: number;
}

export function Legs(props: LegsProps) {
  const say = liquidateWords.value;
  const { positions, positionsInAll } = props;
  return (
    <>
      <Table
        caption={words.value.positions}
        columns={columns(props)}
        rows={positions}
        keyOf={(row) => row.id}
        empty={words.value.noPositions}
      />
      {positions.length < positionsInAll && (
        <p class="note">{words.value.more(String(positions.length), String(positionsInAll))}</p>
      )}
      <p class="note">{say.lotsHint}</p>
    </>
  );
}

function columns({ entries, faults }: LegsProps): Column<Position>[] {
  const say = liquidateWords.value;
  const { columns: titles, choose } = words.value;
  const { legs } = entries.value;
  const put = (symbol: string, leg: LegEntry | null) => {
    const changed = new Map(legs);
    if (leg === null) changed.delete(symbol);
    else changed.set(symbol, leg);
    entries.value = { ...entries.value, legs: changed };
  };
  const edit = (symbol: string, change: Partial<LegEntry>) => put(symbol, { ...(legs.get(symbol) ?? EMPTY_LEG), ...change });
  const wrong = (is: Fault["is"], symbol: string) => faults.some((fault) => fault.is === is && fault.symbol === symbol);
  return [
    {
      key: "choose",
      title: choose,
      cell: ({ instrument: { symbol } }) => (
        <input
          type="checkbox"
          aria-label={`${choose} ${symbol}`}
          checked={legs.has(symbol)}
          onChange={(event) => put(symbol, event.currentTarget.checked ? EMPTY_LEG : null)}
        />
      ),
    },
    { key: "symbol", title: titles.symbol, cell: ({ instrument }) => <bdi title={instrument.name}>{instrument.symbol}</bdi> },
    { key: "quantity", title: titles.quantity, digits: true, cell: (row) => <Quantity text={row.quantity} /> },
    { key: "lot", title: say.lotSize, digits: true, cell: (row) => <Quantity text={row.instrument.lotSize} /> },
    {
      key: "lots",
      title: say.lots,
      digits: true,
      cell: (row) => {
        const { symbol } = row.instrument;
        const most = lotsIn(row.sellableQuantity, row.instrument.lotSize);
        const lots = legs.get(symbol)?.lots ?? "";
        return (
          <>
            <input
              class="digits short"
              type="text"
              inputMode="numeric"
              autocomplete="off"
              aria-label={say.lotsOf(symbol)}
              aria-invalid={wrong("lots", symbol)}
              value={lots}
              onInput={(event) => edit(symbol, { lots: event.currentTarget.value.trim() })}
              onKeyDown={(event) => step(event, lots, most, (changed) => edit(symbol, { lots: changed }))}
            />{" "}
            {say.mostLots(formatQuantity(most, language.value))}
          </>
        );
      },
    },
    { key: "mark", title: titles.mark, digits: true, cell: (row) => <Price text={row.mark} currency={row.instrument.currency} /> },
    {
      key: "limit",
      title: titles.limit,
      digits: true,
      cell: ({ instrument: { symbol } }) =>
        isPriced(entries.value) && (
          <input
            class="digits short"
            type="text"
            inputMode="decimal"
            autocomplete="off"
            aria-label={say.limitOf(symbol)}
            aria-invalid={wrong("limit", symbol)}
            value={legs.get(symbol)?.limit ?? ""}
            onInput={(event) => edit(symbol, { limit: event.currentTarget.value.trim() })}
          />
        ),
    },
  ];
}

function step(event: TargetedKeyboardEvent<HTMLInputElement>, lots: string, most: string, change: (lots: string) => void): void {
  if (isComposed(event) || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
  event.preventDefault();
  change(stepped(lots, event.key === "ArrowUp" ? 1 : -1, most));
}
