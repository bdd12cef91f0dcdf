// What a page needs to offer Liquidate: the dialog while it is open, loaded when it is used, and how to open it.
import { useSignal } from "@preact/signals";
import type { FunctionComponent, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CaseRowFragment } from "../../api/operations.ts";
import type { Light } from "../../live/light.ts";
import type { Rows } from "../../live/rows.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { useDesk } from "../desk.ts";

export interface Asked {
  /** Of cases, in the order of the page. */
  readonly ids: readonly string[];
  /** Positions of the one case that the person chose; where there are none, the desk selects. */
  readonly symbols: readonly string[];
  /** The cases as the page has them now. */
  readonly rows: Rows<CaseRowFragment>;
  /** What the page may claim about them. */
  readonly light: Light;
  readonly onClose: () => void;
}

export interface Liquidate {
  /** Null for a person who may not liquidate: then nothing of it is on the page. */
  readonly open: ((caseIds: readonly string[], symbols?: readonly string[]) => void) | null;
  readonly dialog: VNode | null;
}

type Followed = Pick<Asked, "rows" | "light">;

/** For cases that the page follows; the dialog leaves with the page. */
export function useLiquidate(followed: Followed | null): Liquidate {
  const asked = useSignal<Pick<Asked, "ids" | "symbols"> | null>(null);
  const mayLiquidate = useDesk().viewer.capabilities.includes("LIQUIDATE");
  if (!mayLiquidate || followed === null) return { open: null, dialog: null };
  const open = (ids: readonly string[], symbols: readonly string[] = []) => (asked.value = { ids: [...ids], symbols });
  const onClose = () => (asked.value = null);
  return { open, dialog: asked.value && <Loading {...asked.value} {...followed} onClose={onClose} /> };
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
