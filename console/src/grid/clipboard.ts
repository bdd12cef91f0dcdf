// What Ctrl+C takes along: exact texts, tab separated and as HTML, safe to paste into a spreadsheet.

export interface Copied {
  readonly text: string;
  readonly html: string;
}

/** A text of the API that is no number may be anything that a person has typed. */
export interface CellText {
  readonly text: string;
  readonly isNumber: boolean;
}

const FORMULAS: ReadonlySet<string> = new Set(["=", "+", "-", "@", "\t", "\r", "\n"]);
const CONTROL = /^[\s\p{C}]*/u;
const BREAKS = /[\t\r\n\u2028\u2029]+/g;

/** Whether a spreadsheet would treat it as a formula, as the server's CSV decides; full-width signs count. */
export function isFormula(text: string): boolean {
  if (FORMULAS.has(text.slice(0, 1))) return true;
  const visible = text.replace(CONTROL, "").slice(0, 1);
  return visible !== "" && FORMULAS.has(visible.normalize("NFKC"));
}

/** Rows of cells, with a row of headers above where wanted. */
export function copied(rows: readonly (readonly CellText[])[], headers: readonly string[] | null = null): Copied {
  const heading = headers?.map((text) => safe({ text, isNumber: false }));
  const cells = rows.map((row) => row.map(safe));
  const lines = heading ? [heading, ...cells] : cells;
  return {
    text: lines.map((line) => line.join("\t")).join("\r\n"),
    html: table(heading ?? null, cells),
  };
}

function safe({ text, isNumber }: CellText): string {
  // A tab or a line break within a cell would make two of it.
  const guarded = !isNumber && isFormula(text) ? `'${text}` : text;
  return guarded.replace(BREAKS, " ");
}

function table(heading: readonly string[] | null, rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const head = heading ? `<thead>${line(heading, "th")}</thead>` : "";
  return `<table>${head}<tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table>`;
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
