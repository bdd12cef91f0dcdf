// The entries of the dialog Liquidate.
import type { Signal } from "@preact/signals";
import { actionWords } from "../../words/actions/words.ts";
import { liquidateWords } from "../../words/liquidate/words.ts";
import { words } from "../../words/words.ts";
import {
  isPriced,
  ORDER_TYPES,
  POLICIES,
  SESSIONS,
  SLACKS,
  TARGETS,
  TIMES_IN_FORCE,
  type Entries,
  type Fault,
} from "./entries.ts";
import { Legs, type Position } from "./legs.tsx";

interface FormProps {
  readonly entries: Signal<Entries>;
  readonly faults: readonly Fault[];
  /** Of the one case; null for a batch, and until they are read. */
  readonly positions: readonly Position[] | null;
  /** How many positions there are; a part of them is shown. */
  readonly positionsInAll: number;
}

export function Form({ entries, faults, positions, positionsInAll }: FormProps) {
  const say = liquidateWords.value;
  const now = entries.value;
  const set = (change: Partial<Entries>) => (entries.value = { ...now, ...change });
  const slacks = Object.fromEntries(SLACKS.map((percent) => [percent, say.ofNotional(percent)]));
  return (
    <section class="sell-form" aria-label={say.entries}>
      {positions && (
        <Choice label={say.entries} value={now.by} values={["policy", "legs"] as const} names={say.by} onChoose={(by) => set({ by })} />
      )}
      {now.by === "legs" && positions && (
        <Legs entries={entries} faults={faults} positions={positions} positionsInAll={positionsInAll} />
      )}
      {now.by === "policy" && (
        <>
          <Choice label={say.policy} value={now.policy} values={POLICIES} names={say.policies} onChoose={(policy) => set({ policy })} />
          <Entry label={say.keep} hint={say.keepHint} value={now.keep} onEnter={(keep) => set({ keep })} />
        </>
      )}
      <Choice label={say.target} value={now.target} values={TARGETS} names={say.targets} onChoose={(target) => set({ target })} />
      <Choice label={say.orderType} value={now.orderType} values={ORDER_TYPES} names={words.value.orderType} onChoose={(orderType) => set({ orderType })} />
      <Choice label={say.session} value={now.session} values={SESSIONS} names={actionWords.value.session} onChoose={(session) => set({ session })} />
      <Choice label={say.timeInForce} value={now.timeInForce} values={TIMES_IN_FORCE} names={say.timesInForce} onChoose={(timeInForce) => set({ timeInForce })} />
      {isPriced(now) && (
        <Entry
          label={say.band}
          hint={say.bandHint}
          value={now.band}
          wrong={faults.some(({ is }) => is === "band")}
          onEnter={(band) => set({ band: band.trim() })}
        />
      )}
      <Choice label={say.slack} value={now.slack} values={SLACKS} names={slacks} onChoose={(slack) => set({ slack })} />
      {faults.map(({ is, symbol }) => (
        <p key={`${is} ${symbol ?? ""}`} class="problem" role="alert">
          {symbol !== null && <strong>{symbol} </strong>}
          {say.faults[is]}
        </p>
      ))}
    </section>
  );
}

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly values: readonly Value[];
  readonly names: Readonly<Record<Value, string>>;
  readonly onChoose: (value: Value) => void;
}

function Choice<Value extends string>({ label, value, values, names, onChoose }: ChoiceProps<Value>) {
  return (
    <label class="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value as Value)}>
        {values.map((each) => (
          <option key={each} value={each}>
            {names[each]}
          </option>
        ))}
      </select>
    </label>
  );
}

interface EntryProps {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly wrong?: boolean;
  readonly onEnter: (text: string) => void;
}

function Entry({ label, hint, value, wrong = false, onEnter }: EntryProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        title={hint}
        value={value}
        aria-invalid={wrong}
        onInput={(event) => onEnter(event.currentTarget.value)}
      />
    </label>
  );
}
