import type { Words } from "./en.ts";

export const zhHans: Words = {
  signedInAs: (subject) => `已登录：${subject}`,
  signedOut: "您已退出登录。请打开交易台提供的链接。",
  signIn: "登录",
  loading: "加载中…",
};
