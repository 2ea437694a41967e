-- Times are microseconds since 1970 UTC, money is millionths of a unit, addresses
-- are 4 or 16 bytes, and every `id`/`row` of an event ascends with the time.

-- One row that readiness probes write.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    n INTEGER NOT NULL,
    filler BLOB
) STRICT;
INSERT INTO probe (id, n) VALUES (1, 0);

-- One row a click. It has no secondary index: each would cost more than the row.
CREATE TABLE click (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    flags INTEGER NOT NULL,          -- source, own session, duplicate, test, non-human, price format
    disposition INTEGER NOT NULL,
    session INTEGER,                 -- only where it is another click's
    visitor INTEGER,
    affiliate INTEGER,
    offer INTEGER,
    campaign INTEGER,
    creative INTEGER,
    offer_contract INTEGER,
    media_type INTEGER,
    config_version INTEGER NOT NULL,
    s1 TEXT, s2 TEXT, s3 TEXT, s4 TEXT, s5 TEXT,
    device_id TEXT,
    ip BLOB,
    country TEXT,
    user_agent TEXT,
    referrer TEXT,
    redirect TEXT,
    payout INTEGER,                  -- these two only where clicks are paid for
    received INTEGER,
    asked_contract INTEGER           -- as the link says it, whether or not there is one
) STRICT;

-- The clicks of a session other than the one that opened it.
CREATE TABLE further_click (
    session INTEGER NOT NULL,
    click INTEGER NOT NULL,
    PRIMARY KEY (session, click)
) STRICT, WITHOUT ROWID;

-- Sessions that a lead opened.
CREATE TABLE lead_session (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    affiliate INTEGER NOT NULL,
    offer INTEGER NOT NULL,
    campaign INTEGER,
    s1 TEXT, s2 TEXT, s3 TEXT, s4 TEXT, s5 TEXT,
    test INTEGER NOT NULL,
    ip BLOB
) STRICT;

-- Personal data: JSON, a list of [name, value].
CREATE TABLE session_prefill (
    session INTEGER PRIMARY KEY,
    pairs TEXT NOT NULL
) STRICT;

-- Every distinct s1 of an affiliate, up to a bound.
CREATE TABLE sub_affiliate (
    affiliate INTEGER NOT NULL,
    number INTEGER NOT NULL,         -- counts its affiliate's up from 1
    s1 TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    PRIMARY KEY (affiliate, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX sub_affiliate_by_s1 ON sub_affiliate (affiliate, s1);

-- Counts that caps are sums of.
CREATE TABLE day_count (
    scope INTEGER NOT NULL,
    scope_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    clicks INTEGER NOT NULL,
    leads INTEGER NOT NULL,
    conversions INTEGER NOT NULL,
    impressions INTEGER NOT NULL,
    PRIMARY KEY (scope, scope_id, day)
) STRICT, WITHOUT ROWID;

-- Steps of these that are not in them yet, a row for each commit: a count is both together.
-- Their bytes are as `clicks/counts/steps.rs` says.
CREATE TABLE count_step (
    id INTEGER PRIMARY KEY,
    steps BLOB NOT NULL
) STRICT;

-- Caps of which was told that they are reached: once in each interval, and again where
-- their limit has changed.
CREATE TABLE cap_told (
    scope INTEGER NOT NULL,          -- 1 offer, 2 campaign, 3 contract
    scope_id INTEGER NOT NULL,
    of INTEGER NOT NULL,             -- as of day_count; 4 sales
    interval TEXT NOT NULL,
    first_day INTEGER NOT NULL,
    n INTEGER NOT NULL,              -- the limit
    PRIMARY KEY (scope, scope_id, of, interval, first_day, n)
) STRICT, WITHOUT ROWID;

-- What events refer to, and the nodes that made them.
CREATE TABLE history (
    kind INTEGER NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lead (
    row INTEGER PRIMARY KEY,
    id INTEGER NOT NULL,             -- its characters read as a number of base 36
    at INTEGER NOT NULL,
    post TEXT NOT NULL,
    status TEXT NOT NULL,
    outcome TEXT NOT NULL,
    errors TEXT NOT NULL,            -- JSON, a list of texts
    affiliate INTEGER NOT NULL,
    offer INTEGER NOT NULL,
    vertical INTEGER NOT NULL,
    campaign INTEGER,
    offer_contract INTEGER,
    attribution TEXT NOT NULL,
    trace TEXT NOT NULL,             -- JSON
    session INTEGER NOT NULL,
    s1 TEXT, s2 TEXT, s3 TEXT, s4 TEXT, s5 TEXT,
    fields TEXT NOT NULL,            -- JSON, a list of [name, value]
    payout INTEGER NOT NULL,
    revenue INTEGER NOT NULL,
    test INTEGER NOT NULL,
    upsell INTEGER NOT NULL,
    ip BLOB,
    revision INTEGER NOT NULL,
    config_version INTEGER NOT NULL,
    person BLOB,                     -- hash, where it is the earlier lead of later ones
    event INTEGER,                   -- where it is a conversion: of what
    conversion TEXT,                 -- JSON, where more is known of that
    transaction_id TEXT AS (conversion ->> '$.reported.transaction_id')
) STRICT;
CREATE INDEX lead_by_transaction ON lead (transaction_id, offer, event) WHERE transaction_id IS NOT NULL;

-- Leads by id, by person, by session, by e-mail address and phone number (normalised). Such
-- keys are random, or nearly so: an index that each lead enters at once has a page anywhere
-- changed by each. New leads therefore wait in the writer's memory, and are brought
-- into these tables sorted, many at a time. Those of recent_leads may be in them, all
-- others are.
CREATE TABLE lead_by_id (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL            -- its row
) STRICT;
CREATE TABLE lead_by_person (
    person INTEGER NOT NULL,         -- the first eight bytes of the hash
    lead INTEGER NOT NULL,           -- its row
    PRIMARY KEY (person, lead)
) STRICT, WITHOUT ROWID;
CREATE TABLE lead_by_session (
    session INTEGER NOT NULL,
    lead INTEGER NOT NULL,           -- its row
    PRIMARY KEY (session, lead)
) STRICT, WITHOUT ROWID;
CREATE TABLE lead_search (
    key TEXT NOT NULL,
    lead INTEGER NOT NULL,           -- its row
    PRIMARY KEY (key, lead)
) STRICT, WITHOUT ROWID;
CREATE TABLE recent_leads (
    number INTEGER PRIMARY KEY,
    leads TEXT NOT NULL              -- JSON: the rows of those of one commit
) STRICT;

CREATE TABLE sale (
    lead INTEGER NOT NULL,           -- its row
    position INTEGER NOT NULL,
    contract INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    price INTEGER NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    no_return INTEGER NOT NULL,
    returned TEXT,                   -- for what it was taken back
    payout_taken_back INTEGER NOT NULL,
    replaces INTEGER,                -- the id of the lead that it makes up for
    redirect TEXT,                   -- where its buyer sent the visitor
    PRIMARY KEY (lead, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_of_buyer ON sale (buyer, lead);

-- Every post that was kept: of a lead, or with the problem for which it made none.
CREATE TABLE post (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    campaign INTEGER,
    offer INTEGER,
    affiliate INTEGER,
    ip BLOB,
    query BLOB NOT NULL,
    content_type TEXT NOT NULL,
    body BLOB NOT NULL,
    answer TEXT,                     -- status, type, location, content; none until its lead's run has ended
    told_later INTEGER NOT NULL DEFAULT 0, -- 1: it has no answer, and its poster was given one since, under its key
    errors TEXT NOT NULL,            -- JSON, a list of texts
    lead INTEGER,                    -- its row, not its id: ids are random, and an index of them dear
    problem TEXT,
    CHECK ((lead IS NULL) <> (problem IS NULL))
) STRICT;
-- A lead's first post has its row for an id.
CREATE INDEX further_post_of_lead ON post (lead) WHERE lead <> id;
CREATE INDEX rejection ON post (id) WHERE problem IS NOT NULL;

CREATE TABLE rejection_not_kept (
    problem TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT,                     -- as a post's; none while it is in flight
    post INTEGER,                    -- whose answer it is; none for a payment
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_time ON idempotency (at);

-- Append-only: movements between accounts, which are a kind (1 house, 2 outside,
-- 3 affiliate, 4 buyer, 5 advertiser) and an id (0 where there is one of the kind).
CREATE TABLE ledger (
    number INTEGER PRIMARY KEY,      -- counts entries up
    lead INTEGER NOT NULL,           -- its row, 0 for entries of no lead
    at INTEGER NOT NULL,             -- when it was written
    effective INTEGER,               -- when it counts for, where that is not then
    kind TEXT NOT NULL,
    from_kind INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    to_kind INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    contract INTEGER,
    note TEXT,
    conversion INTEGER,
    campaign INTEGER,                -- these two only for clicks and impressions
    count INTEGER
) STRICT;
CREATE INDEX ledger_of_lead ON ledger (lead) WHERE lead <> 0;

-- Impressions that somebody pays or is paid for by the thousand, short of one.
CREATE TABLE impression_due (
    campaign INTEGER NOT NULL,
    account_kind INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    worth TEXT NOT NULL,             -- thousandths of millionths of a unit
    PRIMARY KEY (campaign, account_kind, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE config_version (
    version INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    summary TEXT NOT NULL,
    put INTEGER NOT NULL,
    deleted INTEGER NOT NULL
) STRICT;

-- A document was in force from version_from until before version_to.
CREATE TABLE entity (
    key TEXT NOT NULL,
    version_from INTEGER NOT NULL,
    version_to INTEGER,
    document TEXT NOT NULL,
    PRIMARY KEY (key, version_from)
) STRICT;
CREATE INDEX entity_present ON entity (key) WHERE version_to IS NULL;

CREATE TABLE api_key (
    hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked_at IS NULL;

CREATE TABLE share (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- Selling. A lead has a row here while it is in hand or waits, and while somebody is
-- still to be told what became of it: few at any time.
CREATE TABLE offered (
    lead INTEGER PRIMARY KEY,        -- its row
    state INTEGER NOT NULL,          -- 1 in hand, 2 waits, 3 held, 4 recovered
    taking INTEGER NOT NULL,         -- counts how often it was taken in hand
    due INTEGER,                     -- while it waits
    post INTEGER,                    -- which waits for its answer
    scope TEXT, key TEXT,            -- that post's idempotency key
    counts TEXT                      -- JSON: the day counts that it raised
) STRICT;
CREATE INDEX offered_due ON offered (due) WHERE state = 2;
CREATE INDEX offered_in_hand ON offered (lead) WHERE state = 1;

-- That a lead was about to be sent, and how that ended. A lead goes to a buyer once.
CREATE TABLE reservation (
    lead INTEGER NOT NULL,           -- its row
    buyer INTEGER NOT NULL,
    contract INTEGER NOT NULL,
    day INTEGER NOT NULL,            -- on which the contract opened
    cap INTEGER,                     -- leads of that day which it takes, where it has a cap
    price INTEGER NOT NULL,          -- reserved, or sold at
    type TEXT NOT NULL,
    no_return INTEGER NOT NULL,
    state INTEGER NOT NULL,          -- 1 reserved, 2 sold, 3 held, 4 refused
    taking INTEGER NOT NULL,         -- of offered, when it was made
    replaces INTEGER,                -- the row of the lead that this one makes up for, free
    at INTEGER NOT NULL,
    PRIMARY KEY (lead, buyer)
) STRICT, WITHOUT ROWID;

-- The held ones, in the order in which that became known.
CREATE TABLE held (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL,           -- its row
    buyer INTEGER NOT NULL,
    rule TEXT NOT NULL,
    until INTEGER NOT NULL,
    UNIQUE (lead, buyer)
) STRICT;

CREATE TABLE contract_count (
    day INTEGER NOT NULL,
    contract INTEGER NOT NULL,
    n INTEGER NOT NULL,              -- leads reserved, held or sold
    sold INTEGER NOT NULL,           -- of these
    PRIMARY KEY (day, contract)
) STRICT, WITHOUT ROWID;

CREATE TABLE contract_state (
    contract INTEGER PRIMARY KEY,
    last_sold INTEGER,
    posts INTEGER NOT NULL,          -- that are remembered: ten at most
    failures INTEGER NOT NULL        -- a bit each, the newest lowest
) STRICT;

-- What a person should look at.
CREATE TABLE alert (
    id INTEGER PRIMARY KEY,          -- counts up one by one; only the oldest go
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,        -- of those that are counted with it
    n INTEGER NOT NULL,
    code TEXT NOT NULL,
    contract INTEGER,
    buyer INTEGER,
    lead TEXT,                       -- its id
    text TEXT NOT NULL
) STRICT;
CREATE INDEX alert_of_kind ON alert (code, contract, buyer);

-- The sum of a buyer's ledger entries, and of what is reserved.
CREATE TABLE buyer_account (
    buyer INTEGER PRIMARY KEY,
    balance INTEGER NOT NULL,
    reserved INTEGER NOT NULL
) STRICT;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL,           -- its row
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    config_version INTEGER NOT NULL,
    inputs TEXT NOT NULL,            -- JSON, as the two after it
    events TEXT NOT NULL,
    results TEXT NOT NULL,
    summary TEXT NOT NULL            -- JSON, a list of [contract, result, price]
) STRICT;
CREATE UNIQUE INDEX run_of_lead ON run (lead, number);

CREATE TABLE attempt (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL,           -- its row
    at INTEGER NOT NULL,
    contract INTEGER NOT NULL,
    kind TEXT NOT NULL,
    phase TEXT NOT NULL,
    ms TEXT NOT NULL,                -- JSON
    status INTEGER,
    request BLOB NOT NULL,
    answer BLOB NOT NULL,
    read TEXT NOT NULL,              -- JSON
    error TEXT
) STRICT;
CREATE INDEX attempt_of_lead ON attempt (lead);

CREATE TABLE timeline (
    of INTEGER NOT NULL,             -- the row of a lead, or of a conversion that is none
    number INTEGER NOT NULL,         -- counts up from 0
    at INTEGER NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    by TEXT,
    PRIMARY KEY (of, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE lead_return (
    id INTEGER PRIMARY KEY,
    lead INTEGER NOT NULL,           -- its row
    contract INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    price INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT,
    reason TEXT NOT NULL,
    notes TEXT NOT NULL,
    state TEXT NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    replaced_by INTEGER,             -- the row of the lead that is sent in its place
    replaced_at INTEGER              -- when the buyer took that
) STRICT;
CREATE UNIQUE INDEX return_of_sale ON lead_return (lead, contract);
CREATE INDEX return_owed ON lead_return (contract, buyer, id) WHERE state = 'replaced' AND replaced_by IS NULL;

-- What a lead's buyers say of it now.
CREATE TABLE buyer_status (
    lead INTEGER NOT NULL,           -- its row
    contract INTEGER NOT NULL,
    buyer INTEGER NOT NULL,
    at INTEGER NOT NULL,
    status TEXT NOT NULL,
    sub_status TEXT,
    note TEXT,
    by TEXT,
    PRIMARY KEY (lead, contract)
) STRICT, WITHOUT ROWID;

CREATE TABLE quote (
    id TEXT PRIMARY KEY,
    campaign INTEGER NOT NULL,
    at INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    payout INTEGER NOT NULL,
    fields TEXT NOT NULL,            -- JSON, a list of [name, value]
    record TEXT NOT NULL             -- JSON; empty once it has passed, as are the fields
) STRICT;
CREATE INDEX quote_by_end ON quote (expires);
CREATE INDEX quote_with_record ON quote (expires) WHERE record <> '';

-- Conversions that are no leads, or were none before one took them over.
CREATE TABLE conversion (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    event INTEGER NOT NULL,
    offer INTEGER NOT NULL,
    advertiser INTEGER,
    affiliate INTEGER NOT NULL,
    campaign INTEGER,
    offer_contract INTEGER,
    session INTEGER NOT NULL,
    lookup TEXT,                     -- by what that was found; null where no call reported it
    s1 TEXT, s2 TEXT, s3 TEXT, s4 TEXT, s5 TEXT,
    payout INTEGER NOT NULL,
    received INTEGER NOT NULL,
    disposition TEXT NOT NULL,
    transaction_id TEXT,
    reported TEXT,                   -- JSON: what was said of it beside that, if anything
    pixels_shown INTEGER NOT NULL,
    test INTEGER NOT NULL,
    ip BLOB,
    revision INTEGER NOT NULL,
    config_version INTEGER NOT NULL,
    taken_by INTEGER,                -- the row of the lead that has taken it over and is it now
    -- What the pixel log says of the call that made it and the row does not: most lines lie
    -- here. Null where no call made it, or its line has a row of its own or was old.
    call_disposition TEXT,
    trusted INTEGER,
    ignored TEXT,                    -- as of pixel
    user_agent TEXT,
    referrer TEXT
) STRICT;
CREATE INDEX conversion_of_session ON conversion (session);
CREATE INDEX conversion_by_transaction ON conversion (transaction_id, offer, event)
    WHERE transaction_id IS NOT NULL;

-- One row a call of the conversion pixel that made no conversion, or one that does not say
-- what the call did.
CREATE TABLE pixel (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    form TEXT NOT NULL,
    disposition TEXT NOT NULL,
    offer INTEGER,
    advertiser INTEGER,
    event INTEGER,
    lookup TEXT,                     -- by what the session was found, or why it was not
    session INTEGER,
    affiliate INTEGER,
    campaign INTEGER,
    conversion INTEGER,
    transaction_id TEXT,
    trusted INTEGER NOT NULL,
    ignored TEXT,                    -- JSON, a list of names, if there are any
    ip BLOB,
    user_agent TEXT,
    referrer TEXT,
    config_version INTEGER NOT NULL
) STRICT;
CREATE INDEX pixel_of_session ON pixel (session) WHERE session IS NOT NULL;

-- The first conversion that may have a line: those before it are not looked through.
CREATE TABLE pixel_log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    first_conversion INTEGER NOT NULL
) STRICT;
INSERT INTO pixel_log (id, first_conversion) VALUES (1, 0);

-- Signed calls of the last minutes that made something: each counts once.
CREATE TABLE pixel_signature (
    signature BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    conversion INTEGER NOT NULL      -- its place: a lead's row, or an id
) STRICT, WITHOUT ROWID;
CREATE INDEX pixel_signature_by_time ON pixel_signature (at);

-- Sessions that a click with a device id opened.
CREATE TABLE session_device (
    device_id TEXT NOT NULL,
    offer INTEGER NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (device_id, offer, session)
) STRICT, WITHOUT ROWID;

-- Who is to be told of something, and until somebody was.
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    affiliate INTEGER,
    campaign INTEGER,
    offer INTEGER,
    conversion INTEGER,
    lead TEXT,                       -- its id
    url TEXT NOT NULL,
    shown_url TEXT,                  -- with people's data masked, if it holds any
    body TEXT,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    due INTEGER NOT NULL,
    lease INTEGER NOT NULL,          -- counts up
    lease_until INTEGER              -- while a worker has it
) STRICT;
CREATE INDEX delivery_by_due ON delivery (due) WHERE state = 'waiting' AND lease_until IS NULL;
CREATE INDEX delivery_by_destination ON delivery (destination, due)
    WHERE state = 'waiting' AND lease_until IS NULL;
CREATE INDEX delivery_by_lease ON delivery (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX delivery_of_conversion ON delivery (conversion) WHERE conversion IS NOT NULL;

CREATE TABLE delivery_attempt (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,         -- counts up from 1
    at INTEGER NOT NULL,
    phase TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    status INTEGER,
    answer TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
