// The words of the dialog Liquidate in the language of the page. They are loaded with the dialog, not with the page.
import { computed, type ReadonlySignal } from "@preact/signals";
import { language, type Language } from "../words.ts";
import { en, type LiquidateWords } from "./en.ts";
import { zhHans } from "./zh_hans.ts";
import { zhHant } from "./zh_hant.ts";

export const CATALOGUES: Readonly<Record<Language, LiquidateWords>> = { en, "zh-Hans": zhHans, "zh-Hant": zhHant };

export const liquidateWords: ReadonlySignal<LiquidateWords> = computed(() => CATALOGUES[language.value]);
