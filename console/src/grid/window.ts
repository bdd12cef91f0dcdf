// Which rows are drawn: `@tanstack/virtual-core` finds those in view. The active row is drawn always, so that what a
// screen reader is at does not vanish from the page.

import { defaultRangeExtractor, elementScroll, observeElementOffset, observeElementRect, Virtualizer, type Range } from "@tanstack/virtual-core";
import { signal, type ReadonlySignal } from "@preact/signals";

/** Rows drawn beyond each edge of the view, so that scrolling shows no empty ones. */
export const OVERSCAN = 8;

export interface Drawn {
  readonly place: number;
  /** From the top of the list, in CSS pixels. */
  readonly top: number;
}

/** The places in view with those around them, and the active one; ascending. `active` is -1 if there is none. */
export function drawnPlaces(range: Range, active: number): number[] {
  const places = defaultRangeExtractor(range);
  if (active < 0 || active >= range.count || places.includes(active)) return places;
  return [...places, active].sort((a, b) => a - b);
}

export class RowWindow {
  readonly #drawn = signal<readonly Drawn[]>([]);
  readonly #height = signal(0);
  #virtualizer: Virtualizer<HTMLElement, Element> | null = null;
  #count = 0;
  #rowHeight: number;
  #headerHeight: number;
  #active = -1;

  constructor(rowHeight: number, headerHeight: number) {
    this.#rowHeight = rowHeight;
    this.#headerHeight = headerHeight;
  }

  get drawn(): ReadonlySignal<readonly Drawn[]> {
    return this.#drawn;
  }

  /** Of all rows, in CSS pixels. */
  get height(): ReadonlySignal<number> {
    return this.#height;
  }

  /** The scrolling element is on the page; the result is called when it leaves. */
  mount(scroller: HTMLElement): () => void {
    this.#virtualizer = new Virtualizer(this.#options(scroller));
    const unmount = this.#virtualizer._didMount();
    this.#virtualizer._willUpdate();
    this.#draw();
    return () => {
      unmount();
      this.#virtualizer = null;
    };
  }

  update(count: number, active: number): void {
    if (count === this.#count && active === this.#active) return;
    this.#count = count;
    this.#active = active;
    this.#again();
  }

  /** Another density: rows are lower or higher. */
  setRowHeight(rowHeight: number): void {
    this.#rowHeight = rowHeight;
    this.#again();
    this.#virtualizer?.measure();
    this.#draw();
  }

  /** Scroll as little as is needed to bring the row into view. */
  reveal(place: number): void {
    if (place >= 0) this.#virtualizer?.scrollToIndex(place, { align: "auto" });
  }

  /** Whole rows that fit into the view; at least 1. */
  page(): number {
    const view = (this.#virtualizer?.scrollRect?.height ?? 0) - this.#headerHeight;
    return Math.max(1, Math.floor(view / this.#rowHeight));
  }

  /** Places that a person can see, without those drawn beyond the edges. */
  inView(): { readonly from: number; readonly to: number } {
    const range = this.#virtualizer?.range;
    return range ? { from: range.startIndex, to: range.endIndex + 1 } : { from: 0, to: 0 };
  }

  #options(scroller: HTMLElement): ConstructorParameters<typeof Virtualizer<HTMLElement, Element>>[0] {
    return {
      count: this.#count,
      getScrollElement: () => scroller,
      estimateSize: () => this.#rowHeight,
      overscan: OVERSCAN,
      // The header stays at the top of the view, above the rows.
      scrollPaddingStart: this.#headerHeight,
      rangeExtractor: (range) => drawnPlaces(range, this.#active),
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => this.#draw(),
    };
  }

  #again(): void {
    const scroller = this.#virtualizer?.scrollElement;
    if (!this.#virtualizer || !scroller) return;
    this.#virtualizer.setOptions(this.#options(scroller));
    this.#virtualizer._willUpdate();
    this.#draw();
  }

  #draw(): void {
    if (!this.#virtualizer) return;
    const items = this.#virtualizer.getVirtualItems();
    const held = this.#drawn.peek();
    const same = items.length === held.length && items.every(({ index, start }, at) => {
      const drawn = held[at]!;
      return drawn.place === index && drawn.top === start;
    });
    if (!same) this.#drawn.value = items.map(({ index, start }) => ({ place: index, top: start }));
    this.#height.value = this.#virtualizer.getTotalSize();
  }
}
