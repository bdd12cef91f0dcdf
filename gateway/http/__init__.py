"""What answers a client: GraphQL over HTTP, WebSocket and SSE, reports, and the limits of each."""
