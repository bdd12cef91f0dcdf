// What a page needs to offer Cancel: the dialog while it is open, and how to open it.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import type { OrderRowFragment } from "../../api/operations.ts";
import type { Light } from "../../live/light.ts";
import type { Rows } from "../../live/rows.ts";
import { useDesk } from "../desk.ts";
import { CancelDialog } from "./cancel_dialog.tsx";

export interface Cancel {
  /** Null for a person who may not cancel orders: then nothing of it is on the page. */
  readonly open: ((ids: readonly string[]) => void) | null;
  readonly dialog: VNode | null;
}

export function useCancel(followed: { readonly rows: Rows<OrderRowFragment>; readonly light: Light } | null): Cancel {
  const ids = useSignal<readonly string[] | null>(null);
  const mayCancel = useDesk().viewer.capabilities.includes("CANCEL_ORDER");
  if (!mayCancel || followed === null) return { open: null, dialog: null };
  const { rows, light } = followed;
  const closed = () => (ids.value = null);
  return {
    open: (chosen) => (ids.value = [...chosen]),
    dialog: ids.value && <CancelDialog ids={ids.value} rows={rows} light={light} closed={closed} />,
  };
}
