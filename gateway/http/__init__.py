"""Everything that answers clients: GraphQL over HTTP, WebSocket and SSE, reports, and the limits of each."""
