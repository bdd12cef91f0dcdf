// What a page needs to offer Liquidate: the dialog while it is open, loaded when it is used, and how to open it.
import { useSignal } from "@preact/signals";
import type { FunctionComponent, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CaseRowFragment } from "../../api/operations.ts";
import type { Light } from "../../live/light.ts";
import type { Rows } from "../../live/rows.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { useDesk } from "../desk.ts";
import type { AskedCase } from "./planned.ts";

export interface Asked {
  /** At least one, in the order of the page. */
  readonly cases: readonly AskedCase[];
  /** Positions of the one case that the person chose; where there are none, the desk selects. */
  readonly symbols: readonly string[];
  /** The version of a case as the page has it now; null if the case has left the page. */
  readonly versionOf: (caseId: string) => number | null;
  /** What the page may claim about these cases. */
  readonly light: Light;
  readonly onClose: () => void;
}

export interface Liquidate {
  /** Null for a person who may not liquidate: then nothing of it is on the page. */
  readonly open: ((caseIds: readonly string[], symbols?: readonly string[]) => void) | null;
  readonly dialog: VNode | null;
}

type Followed = { readonly rows: Rows<CaseRowFragment>; readonly light: Light };

/** For cases that the page follows; the dialog leaves with the page. */
export function useLiquidate(followed: Followed | null): Liquidate {
  const asked = useSignal<Pick<Asked, "cases" | "symbols"> | null>(null);
  const mayLiquidate = useDesk().viewer.capabilities.includes("LIQUIDATE");
  if (!mayLiquidate || followed === null) return { open: null, dialog: null };
  const { rows, light } = followed;
  const present = (id: string) => {
    const entry = rows.entry(id)?.peek();
    return entry?.gone === null ? entry.row : null;
  };
  const open = (ids: readonly string[], symbols: readonly string[] = []) => {
    const cases = ids.map(present).filter((row) => row !== null).map(askedCase);
    if (cases.length > 0) asked.value = { cases, symbols };
  };
  const versionOf = (id: string) => present(id)?.version ?? null;
  const onClose = () => (asked.value = null);
  const dialog = asked.value && <Loading {...asked.value} versionOf={versionOf} light={light} onClose={onClose} />;
  return { open, dialog };
}

function askedCase({ id, caseNo, client, account }: CaseRowFragment): AskedCase {
  return { id, caseNo, clientName: client.name, currency: account.baseCurrency };
}

function Loading(asked: Asked) {
  const [Loaded, setLoaded] = useState<FunctionComponent<Asked> | null>(null);
  const [why, setWhy] = useState<string | null>(null);
  const load = () => {
    setWhy(null);
    import("./dialog.tsx").then(
      (module) => setLoaded(() => module.default),
      (failed: unknown) => setWhy(String(failed)),
    );
  };
  useEffect(load, []);
  if (why !== null) return <ProblemNote code="PAGE_FAULT" message={why} requestId={null} again={load} />;
  return Loaded && <Loaded {...asked} />;
}
