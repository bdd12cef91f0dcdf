"""The API: what a request, a socket and a subscriber may cost."""

from pydantic import Field

from gateway.sections.types import Count, Listed, Profile, Seconds, Section


class ApiSettings(Section):
    """The API: what a request, a socket and a subscriber may cost."""

    page_size_max: Count = Field(100, description="The most items one page of a connection holds.")
    http_headers_timeout_s: Seconds = Field(
        10, description="How many seconds a connection has to say what it wants, by its HTTP headers."
    )
    http_body_timeout_s: Seconds = Field(
        30, description="How many seconds the body of a request may take, counted from its headers."
    )
    http_unread_timeout_s: Seconds = Field(
        60,
        description="How many seconds a client may read nothing of an answer that waits for it; then it is "
        "cut off.",
    )
    http_keep_alive_s: Seconds = Field(
        75,
        description="How many seconds an idle connection is kept for the next request; must be longer than a "
        "load balancer keeps it.",
    )
    http_head_bytes: Count = Field(
        32_768,
        description="The largest HTTP request head (URL and headers) in bytes; more is answered with 431.",
    )
    http_headers: Count = Field(
        100, description="The most header lines of one HTTP request; more are answered with 431."
    )
    http_url_bytes: Count = Field(
        8_192, description="The longest URL of an HTTP request in bytes; a longer one is answered with 414."
    )
    max_body_bytes: Count = Field(100_000, description="The largest HTTP request body.")
    max_query_depth: Count = Field(8, description="The deepest nesting of a GraphQL operation.")
    max_query_tokens: Count = Field(1000, description="The most tokens of a GraphQL document.")
    max_query_aliases: Count = Field(15, description="The most aliases of a GraphQL document.")
    max_query_equal_fields: Count = Field(
        20,
        description="The most times that a GraphQL document may select the same field of one object.",
    )
    max_query_root_fields: Count = Field(20, description="The most root fields of one GraphQL operation.")
    max_query_cost: Count = Field(
        250_000,
        description="The most fields that the answer to a GraphQL operation may have, by its page sizes.",
    )
    max_event_cost: Count = Field(
        25_000, description="The most fields that one event of a subscription may have, by its page sizes."
    )
    introspection: bool = Field(
        default_factory=lambda known: known["profile"] is Profile.DEVELOPMENT,
        description="Whether clients may read the schema and open the explorer; default: in development.",
    )
    allowed_origins: Listed[str] = Field(
        (), description="Web origins besides the server's own that may call it, separated by commas."
    )
    ws_init_timeout_s: Seconds = Field(
        5, description="How many seconds a new WebSocket has for its `connection_init`."
    )
    ws_max_awaiting_init: Count = Field(
        1000,
        description="The most WebSockets of one process whose `connection_init` has not come or was not "
        "accepted; a further one is answered with 503.",
    )
    ws_max_frame_bytes: Count = Field(65_536, description="The largest WebSocket message a client may send.")
    revocation_poll_interval_s: Seconds = Field(
        0.4, description="How often, in seconds, a process looks for newly revoked subjects."
    )
    ws_max_sockets_per_subject: Count = Field(
        10, description="The most WebSockets and event streams of one subject in one process."
    )
    ws_ping_interval_s: Seconds = Field(15, description="How often, in seconds, a quiet socket is pinged.")
    ws_pong_timeout_s: Seconds = Field(
        10, description="How many seconds a client has to answer a ping before its socket is closed."
    )
    sse_heartbeat_s: Seconds = Field(
        12, description="How often, in seconds, an event stream carries a comment, so that it is kept open."
    )
    sse_reserved_s: Seconds = Field(
        10, description="How many seconds a reserved event stream waits for its connection."
    )
    token_expiry_warning_s: Seconds = Field(
        60, description="How many seconds before its token expires a socket is warned."
    )
    mailbox_frames: Count = Field(
        1000, description="The most frames that wait for one operation of a slow client."
    )
    mailbox_bytes: Count = Field(
        1_048_576, description="The most bytes that wait for one operation of a slow client."
    )
    live_group_backlog: Count = Field(
        10_000, description="The most events that wait for one shared subscription's execution."
    )
    live_remembered_bytes: Count = Field(
        4_194_304, description="The most bytes of ready payloads that a shared subscription remembers."
    )
    live_catch_up_frames: Count = Field(
        10_000, description="The most live events that wait behind one client's replay."
    )
    live_linger_s: Seconds = Field(
        30, description="For how many seconds a shared subscription without subscribers is kept."
    )
    live_lingering_groups: Count = Field(
        256, description="The most shared subscriptions that are kept without subscribers."
    )
    ws_max_operations: Count = Field(
        32, description="The most operations running on one WebSocket or event stream."
    )
