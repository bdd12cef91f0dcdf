// The plan of one case: its orders, what they collect, what is left, and the proof that no lot is sold without need.
import { formatAmount, formatCount, formatQuantity } from "../../exact/format.ts";
import { sumByCurrency } from "../../exact/sum.ts";
import { sign } from "../../exact/compare.ts";
import { Amount, Price, Quantity } from "../../parts/amount.tsx";
import { Fact } from "../../parts/fact.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { language, words } from "../../words/words.ts";
import { useDesk } from "../desk.ts";
import { RefusalNote } from "../refusal.tsx";
import { expectedOf, type Entries } from "./entries.ts";
import { fateOf, proofOf, type Evidence, type Planned } from "./planned.ts";
import { codeText, RequestLink } from "./reason.tsx";

type Leg = Evidence["legs"][number];
type Uncurable = Evidence["uncurable"][number];

interface PlanViewProps {
  readonly planned: Planned;
  readonly evidence: Evidence;
  readonly entries: Entries;
}

/** An amount in a sentence, such as "USD 1,234.50". */
export function money(text: string, currency: string): string {
  return `${currency} ${formatAmount(text, currency, language.value)}`;
}

export function PlanView({ planned, evidence, entries }: PlanViewProps) {
  const say = liquidateWords.value;
  const { currency } = planned.case;
  const fate = fateOf(planned);
  const { refusal, legs, uncurable } = evidence;
  return (
    <>
      <Sums evidence={evidence} currency={currency} />
      {legs.length > 0 && (
        <>
          <p>
            {sign(evidence.amountBefore) !== 0 && <strong>{evidence.cures ? say.cures : say.leaves}</strong>} {fate === "ask" && say.secondPerson}
            {fate === "place" && say.onePerson}
          </p>
          <ProofLine evidence={evidence} currency={currency} />
          <Limits planned={planned} slack={entries.slack} />
        </>
      )}
      {planned.version === null && <p class="problem">{codeText("CASE_CLOSED")}</p>}
      {refusal !== null && (
        <p>
          <RefusalNote {...refusal} /> {fate === "pending" && <RequestLink id={refusal.details.approval?.id ?? null} />}
        </p>
      )}
      <Table caption={say.plan} columns={legColumns(currency)} rows={legs} keyOf={(leg) => leg.instrument.symbol} empty={say.nothingSellable} />
      {uncurable.length > 0 && (
        <>
          <h3>{say.uncurable}</h3>
          <Table caption={say.uncurable} columns={uncurableColumns()} rows={uncurable} keyOf={(row) => row.symbol} empty="" />
        </>
      )}
      {evidence.volumeUnknown.length > 0 && <p class="note">{say.volumeUnknown(evidence.volumeUnknown.join(", "))}</p>}
    </>
  );
}

function Sums({ evidence, currency }: { evidence: Evidence; currency: string }) {
  const say = liquidateWords.value;
  const { figuresAfter: after } = evidence;
  const fees = sumByCurrency(evidence.legs.map(({ fee, instrument }) => ({ amount: fee, currency: instrument.currency })));
  return (
    <dl class="facts">
      <Fact title={`${say.before} (${currency})`}>
        <Amount text={evidence.amountBefore} currency={currency} />
      </Fact>
      {evidence.inFlightRelief !== null && sign(evidence.inFlightRelief) !== 0 && (
        <Fact title={say.inFlight}>
          <Amount text={evidence.inFlightRelief} currency={currency} />
        </Fact>
      )}
      <Fact title={say.reduction}>
        <Amount text={evidence.estimatedReduction} currency={currency} />
      </Fact>
      <Fact title={say.after}>
        <strong>
          <Amount text={evidence.amountAfter} currency={currency} />
        </strong>
      </Fact>
      <Fact title={say.notional}>
        <Amount text={evidence.notional} currency={currency} />
      </Fact>
      <Fact title={say.fees}>{fees.map((fee) => money(fee.amount, fee.currency)).join(" + ") || "–"}</Fact>
      {sign(evidence.shortOfTarget) !== 0 && (
        <Fact title={say.shortOfTarget}>
          <Amount text={evidence.shortOfTarget} currency={currency} />
        </Fact>
      )}
      {after && (
        <>
          <Fact title={`${words.value.columns.lna}, ${say.figuresAfter}`}>
            <Amount text={after.liquidNetAssets} currency={currency} />
          </Fact>
          <Fact title={`${words.value.columns.mcm}, ${say.figuresAfter}`}>
            <Amount text={after.marginCallMargin} currency={currency} />
          </Fact>
        </>
      )}
    </dl>
  );
}

/** Such as "219 → 0 left, 218 → 36.01 left". */
function ProofLine({ evidence, currency }: { evidence: Evidence; currency: string }) {
  const say = liquidateWords.value;
  const proof = proofOf(evidence);
  if (proof === null) return null;
  const amount = (text: string) => formatAmount(text, currency, language.value);
  const count = (text: string) => formatQuantity(text, language.value);
  return (
    <p>
      {say.proof}:{" "}
      {say.proofText(
        proof.symbol,
        count(proof.quantity),
        amount(proof.amountAfter),
        count(proof.lessQuantity),
        amount(proof.lessAmountAfter),
      )}
    </p>
  );
}

function Limits({ planned, slack }: { planned: Planned; slack: string }) {
  const { currency } = planned.case;
  const { notionalAtMost, amountAfterAtMost } = expectedOf(planned.plan, slack);
  return <p class="note">{liquidateWords.value.limits(money(notionalAtMost, currency), money(amountAfterAtMost, currency))}</p>;
}

function legColumns(base: string): Column<Leg>[] {
  const say = liquidateWords.value;
  const { columns, side } = words.value;
  return [
    { key: "side", title: columns.side, cell: (leg) => side[leg.side] },
    { key: "symbol", title: columns.symbol, cell: (leg) => <bdi>{leg.instrument.symbol}</bdi> },
    { key: "quantity", title: columns.quantity, digits: true, cell: (leg) => <Quantity text={leg.quantity} /> },
    { key: "price", title: columns.mark, digits: true, cell: (leg) => <Price text={leg.price} currency={leg.instrument.currency} /> },
    { key: "limit", title: columns.limit, digits: true, cell: (leg) => <Price text={leg.limitPrice} currency={leg.instrument.currency} /> },
    { key: "currency", title: columns.currency, cell: (leg) => leg.instrument.currency },
    { key: "fee", title: say.fees, digits: true, cell: (leg) => <Amount text={leg.fee} currency={leg.instrument.currency} /> },
    { key: "notional", title: `${say.notional} (${base})`, digits: true, cell: (leg) => <Amount text={leg.baseNotional} currency={base} /> },
    { key: "reduction", title: `${say.reduction} (${base})`, digits: true, cell: (leg) => <Amount text={leg.reduction} currency={base} /> },
    { key: "age", title: say.quoteAge, digits: true, cell: (leg) => <QuoteAge quote={leg.quote} /> },
    { key: "market", title: say.market, cell: (leg) => !leg.marketOpen && <span class="stale">{say.marketClosed}</span> },
  ];
}

/** Draws itself again each second, without the rest of the plan. */
function QuoteAge({ quote: { at, stale } }: { quote: Leg["quote"] }) {
  const { live } = useDesk();
  const seconds = Math.max(0, Math.floor((live.time.time.value.now - Date.parse(at)) / 1_000));
  return <span class={stale ? "stale" : undefined}>{words.value.seconds(formatCount(seconds, language.value))}</span>;
}

function uncurableColumns(): Column<Uncurable>[] {
  const say = liquidateWords.value;
  const { columns } = words.value;
  return [
    { key: "symbol", title: columns.symbol, cell: (row) => <bdi>{row.symbol}</bdi> },
    { key: "units", title: say.remaining, digits: true, cell: (row) => <Quantity text={row.remainingQuantity} /> },
    { key: "reason", title: columns.reason, cell: (row) => <span title={row.reason}>{codeText(row.reason)}</span> },
  ];
}
