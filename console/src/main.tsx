import { render } from "preact";
import "./style/tokens.css";
import "./style/base.css";
import { App } from "./app.tsx";
import { loginUrlOf, takeToken } from "./sign_in.ts";
import { keepLanguage } from "./words/words.ts";

// Before anything that takes time: the token is not to stand in the address.
takeToken(window, loginUrlOf(document));
await keepLanguage(window);
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no element with the id app");
render(<App />, root);
