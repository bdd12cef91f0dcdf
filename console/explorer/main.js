// The explorer: GraphiQL for the desk that served it. Put {"Authorization": "Bearer <token>"} into its Headers tab; with a
// token in the fragment of the address, as the links of the demo have it, the tab is filled.
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./explorer.css";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token !== null) history.replaceState(null, "", location.pathname + location.search);
const address = new URL("../graphql", location.href);
const query = new URLSearchParams(location.search).get("query");
createRoot(document.getElementById("explorer")).render(
  createElement(GraphiQL, {
    // The schema is read before the headers of the tab are known.
    fetcher: createGraphiQLFetcher({ url: address.href, headers: token === null ? {} : { Authorization: `Bearer ${token}` } }),
    initialHeaders: token === null ? '{"Authorization": "Bearer "}' : JSON.stringify({ Authorization: `Bearer ${token}` }),
    ...(query === null ? {} : { initialQuery: query }),
    // A token in the storage of the browser would outlive the tab.
    shouldPersistHeaders: false,
  }),
);
