// An OpenID provider for a test of the desk. It prints its address; a client's name is the algorithm of its tokens.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const AUDIENCE = "https://desk.example";
const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
};

const keys = Object.entries(KINDS).map(([alg, [kind, options]]) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }),
  use: "sig",
  alg,
  kid: alg,
}));
const clients = Object.keys(KINDS).map((alg) => ({
  client_id: alg,
  client_secret: "a-secret-of-the-tests",
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
}));

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys },
    enabledJWA: { idTokenSigningAlgValues: Object.keys(KINDS) },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, _resource, client) => ({
          scope: "desk-trader desk-other",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: client.clientId } },
        }),
      },
    },
  });
  server.on("request", provider.callback());
  console.log(issuer);
});
