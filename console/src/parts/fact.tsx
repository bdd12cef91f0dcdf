import type { ComponentChildren } from "preact";

/** One entry of a list `<dl class="facts">`. */
export function Fact({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}
