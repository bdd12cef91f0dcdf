// The addresses of the console, below /console: the only file that knows every screen.
import lazy from "preact-iso/lazy";
import type { FunctionComponent } from "preact";
import RiskWarning from "./screens/risk_warning/risk_warning.tsx";

export interface Place {
  readonly path: string;
  readonly screen: FunctionComponent;
  /** The word in the navigation; null for a screen that is opened from another. */
  readonly title: "riskWarning" | "orders" | null;
  /** The letter after `g` that leads there. */
  readonly letter: string | null;
}

/** A screen that is not the first one is loaded when it is opened. */
export const PLACES: readonly Place[] = [
  { path: "/console/", screen: RiskWarning, title: "riskWarning", letter: "w" },
  { path: "/console/orders", screen: lazy(() => import("./screens/orders/orders.tsx")), title: "orders", letter: "o" },
  { path: "/console/case/:id", screen: lazy(() => import("./screens/case/details.tsx")), title: null, letter: null },
  { path: "/console/request/:id", screen: lazy(() => import("./screens/request/request.tsx")), title: null, letter: null },
];
