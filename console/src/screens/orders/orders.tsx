// Liquidation Orders: the orders of the desk, live, by presets; one or those selected can be cancelled.
import { useSignal } from "@preact/signals";
import { useLocation } from "preact-iso/router";
import { useLayoutEffect, useMemo } from "preact/hooks";
import { OrderEventsDocument, type OrderRowFragment } from "../../api/operations.ts";
import { formatCount } from "../../exact/format.ts";
import type { Copied } from "../../grid/clipboard.ts";
import { Columns } from "../../grid/columns.ts";
import { Grid } from "../../grid/grid.tsx";
import { GridState } from "../../grid/state.ts";
import type { LiveDesk } from "../../live/desk.ts";
import { timeText } from "../../parts/time.tsx";
import "../../style/orders.css";
import { actionWords } from "../../words/actions/words.ts";
import { language, words } from "../../words/words.ts";
import { useCancel } from "../cancel/use_cancel.tsx";
import { ContinuityLight } from "../continuity_light.tsx";
import { useFollowing } from "../desk.ts";
import { copy, ROW_HEIGHT, WaitingLine, wholeOf } from "../list_parts.tsx";
import { turned, type Sorting } from "../sorting.ts";
import { Attention, type LiveOrders } from "./attention.tsx";
import { orderColumns } from "./columns.tsx";
import { filterOf, presetOf, PRESETS, type Preset } from "./presets.ts";
import { NEWEST_FIRST, orderOf } from "./sorting.ts";

type Row = OrderRowFragment;

interface Listed {
  readonly orders: LiveOrders;
  /** From when on the list has orders; null where it has all with its statuses. */
  readonly since: string | null;
}

function follow(live: LiveDesk, preset: Preset): Listed & { stop(): void } {
  const filter = filterOf(preset, live.time.now());
  const orders = live.orders<Row>(OrderEventsDocument, filter, orderOf(NEWEST_FIRST));
  return { orders, since: filter.createdAfter ?? null, stop: () => orders.stop() };
}

export default function LiquidationOrders() {
  const preset = presetOf(useLocation().query["show"]);
  // These two are followed whatever is shown: an order that has ended is in no other list when a late fill comes.
  const today = useFollowing((live) => follow(live, "today"));
  const unknown = useFollowing((live) => follow(live, "unknown"));
  const say = words.value;
  return (
    <section class="list" aria-label={say.orders}>
      <h1>{say.orders}</h1>
      <Presets shown={preset} />
      {today && unknown && (
        <>
          <Attention today={today.orders} unknown={unknown.orders} />
          {preset === "today" && <List key={preset} preset={preset} {...today} />}
          {preset === "unknown" && <List key={preset} preset={preset} {...unknown} />}
          {(preset === "open" || preset === "rejected") && <Followed key={preset} preset={preset} />}
        </>
      )}
    </section>
  );
}

function Presets({ shown }: { shown: Preset }) {
  const say = actionWords.value.orders;
  return (
    <nav class="presets" aria-label={say.shown}>
      {PRESETS.map((preset) => (
        <a key={preset} href={`/console/orders?show=${preset}`} aria-current={preset === shown ? "true" : undefined}>
          {say.presets[preset]}
        </a>
      ))}
    </nav>
  );
}

function Followed({ preset }: { preset: Preset }) {
  const listed = useFollowing((live) => follow(live, preset));
  return listed && <List preset={preset} {...listed} />;
}

function List({ preset, orders, since }: Listed & { preset: Preset }) {
  const { route } = useLocation();
  const { rows } = orders.list;
  const cancel = useCancel({ rows, light: orders.light });
  const sorting = useSignal<Sorting>(NEWEST_FIRST);
  // Titles are in the language of the page, so that another one makes the columns again.
  const state = useMemo(() => {
    const one = cancel.open && ((id: string) => cancel.open?.([id]));
    return new GridState<Row>(rows, new Columns("orders", orderColumns(one), localStorage), wholeOf(orders.light));
  }, [rows, language.value, cancel.open === null]);
  // A list that was sorted otherwise when it was shown before begins again with the newest.
  useLayoutEffect(() => rows.orderBy(orderOf(sorting.peek())), [rows]);
  const sortBy = (column: string) => {
    sorting.value = turned(sorting.value, column);
    rows.orderBy(orderOf(sorting.value));
    state.order.show();
  };
  const asked = {
    open: (id: string) => {
      const of = rows.entry(id)?.peek().row.case;
      if (of) route(`/console/case/${encodeURIComponent(of.id)}`);
    },
    copy: (content: Copied) => void copy(content),
    letter: (letter: string, ids: readonly string[]) => {
      if (letter !== "x" || cancel.open === null) return false;
      cancel.open(ids);
      return true;
    },
  };
  const isEmpty = rows.count.value === 0 && orders.light.state.value.is === "live";
  return (
    <>
      <div class="bar">
        <CountLine count={rows.count.value} since={since} />
        <WaitingLine state={state} />
        {cancel.open && <CancelSelected state={state} open={cancel.open} />}
        <ContinuityLight light={orders.light} />
      </div>
      {isEmpty && <p class="empty">{actionWords.value.orders.empty[preset]}</p>}
      <div class="grid-box">
        <Grid
          key={language.value}
          state={state}
          label={words.value.orders}
          tick={words.value.choose}
          asked={asked}
          sorted={{ ...sorting.value, by: sortBy }}
          rowHeight={ROW_HEIGHT}
          letters
        />
      </div>
      {cancel.dialog}
    </>
  );
}

function CountLine({ count, since }: { count: number; since: string | null }) {
  const say = actionWords.value.orders;
  return (
    <p>
      <strong>{say.count(formatCount(count, language.value))}</strong>{" "}
      {since !== null && <span title={since}>{say.since(timeText(since, language.value, "moment"))}</span>}
    </p>
  );
}

/** The number is that of the orders that can be cancelled among those selected. */
function CancelSelected({ state, open }: { state: GridState<Row>; open: (ids: readonly string[]) => void }) {
  if (state.selection.size.value === 0) return null;
  const ids = state.targets().filter((id) => state.rows.entry(id)?.value.row.cancellable);
  if (ids.length === 0) return null;
  return (
    <button type="button" onClick={() => open(ids)}>
      {actionWords.value.cancel.selected(formatCount(ids.length, language.value))}
    </button>
  );
}
