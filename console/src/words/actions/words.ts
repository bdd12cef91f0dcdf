// The words of dialogs and of pages that act, in the language of the page. They come with the first such page, and in
// all languages at once, so that a dialog never waits for its words.
import { computed, type ReadonlySignal } from "@preact/signals";
import { language, type Language } from "../words.ts";
import { en, type ActionWords } from "./en.ts";
import { zhHans } from "./zh_hans.ts";
import { zhHant } from "./zh_hant.ts";

export const ACTION_WORDS: Readonly<Record<Language, ActionWords>> = { en, "zh-Hans": zhHans, "zh-Hant": zhHant };

export const actionWords: ReadonlySignal<ActionWords> = computed(() => ACTION_WORDS[language.value]);

/** What a refusal means; a code that is newer than the page stands for itself. */
export function refusalWord(code: string, say: ActionWords): string {
  return (say.refusal as Readonly<Record<string, string>>)[code] ?? code;
}
