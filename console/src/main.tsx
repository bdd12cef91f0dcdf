import { render } from "preact";
import "./style/tokens.css";
import "./style/base.css";
import { App } from "./app.tsx";
import { loginUrlOf, takeToken } from "./sign_in.ts";
import { keepLanguage } from "./words/words.ts";

keepLanguage(window);
takeToken(window, loginUrlOf(document));
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no element with the id app");
render(<App />, root);
