"""API: limits of requests, WebSockets and subscriptions."""

from pydantic import Field

from gateway.sections.types import Count, Listed, Origin, Profile, Seconds, Section


class ApiSettings(Section):
    """API: limits of requests, WebSockets and subscriptions."""

    page_size_max: Count = Field(100, description="Maximum number of items on one page of a connection.")
    http_headers_timeout_s: Seconds = Field(
        10,
        description="How long, in seconds, a connection may take until the headers of its request are "
        "complete.",
    )
    http_body_timeout_s: Seconds = Field(
        30, description="How long, in seconds, the body of a request may take, counted from its headers."
    )
    http_unread_timeout_s: Seconds = Field(
        60,
        description="How long, in seconds, a client may read nothing of an answer that waits for it; then "
        "the connection is closed.",
    )
    http_keep_alive_s: Seconds = Field(
        75,
        description="How long, in seconds, an idle connection is kept open; must be longer than the load "
        "balancer keeps it.",
    )
    http_head_bytes: Count = Field(
        32_768,
        description="Maximum size of an HTTP request head (URL and headers) in bytes; a larger one is "
        "answered with 431.",
    )
    http_headers: Count = Field(
        100, description="Maximum number of header lines in one HTTP request; more are answered with 431."
    )
    http_url_bytes: Count = Field(
        8_192,
        description="Maximum length of the URL of an HTTP request in bytes; a longer one is answered with "
        "414.",
    )
    max_body_bytes: Count = Field(
        100_000,
        description="Maximum size of an HTTP request body in bytes; a larger one is answered with 413.",
    )
    max_query_depth: Count = Field(8, description="Maximum nesting depth of a GraphQL operation.")
    max_query_tokens: Count = Field(1000, description="Maximum number of tokens in a GraphQL document.")
    max_query_aliases: Count = Field(15, description="Maximum number of aliases in a GraphQL document.")
    max_query_equal_fields: Count = Field(
        30,
        description="Maximum number of times that a GraphQL document may select the same field of one "
        "object.",
    )
    max_query_spreads: Count = Field(
        100, description="Maximum number of times that a GraphQL document may spread fragments (`...Name`)."
    )
    max_query_input_fields: Count = Field(
        6_000,
        description="Maximum number of fields of the input objects and items of the lists in the variables "
        "of a GraphQL operation, counted at each place that uses the variable; omitted fields count too.",
    )
    max_query_root_fields: Count = Field(
        30, description="Maximum number of root fields in one GraphQL operation."
    )
    max_query_cost: Count = Field(
        250_000,
        description="Maximum number of fields that the answer to a GraphQL operation may have, computed "
        "from its page sizes.",
    )
    max_event_cost: Count = Field(
        25_000,
        description="Maximum number of fields that one event of a subscription may have, computed from its "
        "page sizes.",
    )
    slow_operation_s: Seconds = Field(
        1,
        description="How long, in seconds, a query or mutation may take until the log names it, with the "
        "hash of its document and its cost.",
    )
    introspection: bool = Field(
        default_factory=lambda known: known["profile"] is Profile.DEVELOPMENT,
        description="Whether clients may read the schema and open the explorer; default: only in "
        "development.",
    )
    allowed_origins: Listed[Origin] = Field(
        (), description="Web origins besides the server's own that may call it, separated by commas."
    )
    connections_max: Count = Field(
        10_000,
        description="Maximum number of connections of clients to one process, for each of which it needs a "
        "descriptor; a further one is answered with 503.",
    )
    connections_per_address: Count = Field(
        500,
        description="Maximum number of connections of one client address to one process; behind a proxy, of "
        "its WebSockets and event streams. A further one is answered with 429.",
    )
    ws_init_timeout_s: Seconds = Field(
        5, description="How long, in seconds, a new WebSocket may take until its `connection_init` arrives."
    )
    ws_max_awaiting_init: Count = Field(
        1000,
        description="Maximum number of WebSockets of one process that wait for an accepted "
        "`connection_init`; a further handshake is answered with 503.",
    )
    ws_max_awaiting_init_per_address: Count = Field(
        100,
        description="The part of `GATEWAY_WS_MAX_AWAITING_INIT` that one client address may take; a further "
        "handshake from it is answered with 503.",
    )
    ws_max_frame_bytes: Count = Field(
        65_536, description="Maximum size of a WebSocket message from a client in bytes."
    )
    revocation_poll_interval_s: Seconds = Field(
        0.4, description="Interval, in seconds, at which a process looks for newly revoked subjects."
    )
    ws_max_sockets_per_subject: Count = Field(
        10, description="Maximum number of WebSockets and event streams of one subject in one process."
    )
    ws_ping_interval_s: Seconds = Field(
        15, description="Interval, in seconds, between pings of a quiet WebSocket."
    )
    ws_pong_timeout_s: Seconds = Field(
        10,
        description="How long, in seconds, a client may take to answer a ping until its WebSocket is closed.",
    )
    sse_heartbeat_s: Seconds = Field(
        12,
        description="Interval, in seconds, between comments on a quiet event stream, which keep the "
        "connection open.",
    )
    sse_reserved_s: Seconds = Field(
        10, description="How long, in seconds, a reserved event stream waits for its connection."
    )
    token_expiry_warning_s: Seconds = Field(
        60, description="How long, in seconds, before the expiry of its token a WebSocket is warned."
    )
    mailbox_frames: Count = Field(
        1000, description="Maximum number of frames that wait for one operation of a slow client."
    )
    mailbox_bytes: Count = Field(
        1_048_576, description="Maximum number of bytes that wait for one operation of a slow client."
    )
    live_group_backlog: Count = Field(
        10_000, description="Maximum number of events that wait for the execution of one shared subscription."
    )
    live_remembered_bytes: Count = Field(
        4_194_304,
        description="Maximum size, in bytes, of the ready payloads that a shared subscription remembers.",
    )
    live_catch_up_frames: Count = Field(
        10_000, description="Maximum number of live events that wait behind the replay of one client."
    )
    live_renderings: Count = Field(
        8,
        description="Maximum number of events that are executed at the same time for subscriptions that look "
        "something up.",
    )
    live_linger_s: Seconds = Field(
        30, description="How long, in seconds, a shared subscription without subscribers is kept."
    )
    live_lingering_groups: Count = Field(
        256, description="Maximum number of shared subscriptions without subscribers that are kept."
    )
    ws_max_operations: Count = Field(
        32, description="Maximum number of operations on one WebSocket or event stream at the same time."
    )
