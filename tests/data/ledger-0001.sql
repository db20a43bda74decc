BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num TEXT NOT NULL, 
	PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE approvals (
	strategy TEXT NOT NULL, 
	snapshot_id TEXT NOT NULL, 
	approved_at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_approvals PRIMARY KEY (strategy, snapshot_id), 
	CONSTRAINT fk_approvals_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshots (id)
)
 WITHOUT ROWID

;
CREATE TABLE audit (
	sequence INTEGER NOT NULL, 
	time BIGINT DEFAULT '0' NOT NULL, 
	actor TEXT DEFAULT '' NOT NULL, 
	operation TEXT DEFAULT '' NOT NULL, 
	body TEXT DEFAULT '' NOT NULL, 
	leaf BLOB NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (sequence)
);
INSERT INTO "audit" VALUES(1,1795622742821410189,'tester','write','{"actor":"tester","operation":"write","purpose":"","reason":"first","revision":"1795622742811228198","sequence":"1","series":[{"digest_after":"ca145c6ceef708f86808154fb38d5fac6954227ea16eb99e53bb04d1ef558fba","digest_before":"","instrument":"AAPL","interval":{"end":"1104883200000000000","start":"1104710400000000000"},"is_adjusted":false,"new":"2","source":"desk","timeframe":"1d"}],"time":"1795622742821410189","trigger":""}',X'19F8AFF30B423CC0C8FDCDDB927A525058CE28DD2AA6CA0E5A38C4E16AF7AACE');
INSERT INTO "audit" VALUES(2,1795622742832002326,'tester','write','{"actor":"tester","details":{"AAPL 1d from desk":{"fields":{"close":"1","high":"1","low":"1","open":"1"}}},"operation":"write","purpose":"","reason":"typo","revision":"1795622742826661594","sequence":"2","series":[{"changed":"1","digest_after":"287ab277f0082c56e37099e4ab98b92df60c23a314ae41905424e53496840875","digest_before":"ca145c6ceef708f86808154fb38d5fac6954227ea16eb99e53bb04d1ef558fba","instrument":"AAPL","interval":{"end":"1104883200000000000","start":"1104796800000000000"},"is_adjusted":false,"source":"desk","timeframe":"1d"}],"time":"1795622742832002326","trigger":""}',X'942B17B365C1E51602219DD467CF6E83D2A9162FEAF0A1295C2648B4AB8812C2');
INSERT INTO "audit" VALUES(3,1795622742903348253,'tester','ingest','{"actor":"tester","operation":"ingest","purpose":"","reason":"","revision":"1795622742875099894","sequence":"3","series":[{"digest_after":"d49e63ccd7e7e2291320525cf86a9031d60abc321b514937d6c4b73f2111e843","digest_before":"","instrument":"AAPL","interval":{"end":"1107216000000000000","start":"1104710400000000000"},"is_adjusted":false,"new":"20","source":"sample","timeframe":"1d"}],"time":"1795622742903348253","trigger":""}',X'BD310CE0CCF14D90786E0DE3DE75E961F7ED0C9DDD9399A4472E21F856CBB1E9');
INSERT INTO "audit" VALUES(4,1795622742921188680,'tester','snapshot','{"actor":"tester","data_hash":"d3f2a74b449b05ffe73d8f94410465e95a5f52dfc50b278ed91e2cbf15cebff8","operation":"snapshot","pins":[{"digest":"287ab277f0082c56e37099e4ab98b92df60c23a314ae41905424e53496840875","end":"9223372036854775806","instrument":"AAPL","is_adjusted":false,"revision":"1795622742826661594","rows":"2","source":"desk","start":"-9223372036854775806","timeframe":"1d"}],"purpose":"backtest","reason":"","sequence":"4","snapshot":"kept","strategy":"momentum-7","time":"1795622742921188680","trigger":""}',X'27418596F6F538A1A6CC606B0BE35FA199E48080B1357FBA569A78D51F0F2EED');
INSERT INTO "audit" VALUES(5,1795622742939406421,'tester','prioritise','{"actor":"tester","mode":"strict","operation":"prioritise","pattern":"*","purpose":"","reason":"","sequence":"5","sources":["desk","sample"],"time":"1795622742939406421","timeframe":"*","trigger":""}',X'480669CDBFB90778D54B92C8999AB440FBA05EAF63F56570E6FEAA021516C363');
INSERT INTO "audit" VALUES(6,1795622742961505591,'tester','quarantine','{"actor":"tester","operation":"quarantine","purpose":"","quarantined":"1","reason":"","sequence":"6","series":[{"bars":"1","code":"high-below-low","instrument":"AAPL","is_adjusted":false,"source":"desk","timeframe":"1d"}],"time":"1795622742961505591","trigger":""}',X'B9A45559CC570B82725CA9A6704F5A723C45E2889B9ADF3B2D5110A48454C33E');
CREATE TABLE audit_series (
	series_id INTEGER NOT NULL, 
	sequence BIGINT NOT NULL, 
	CONSTRAINT pk_audit_series PRIMARY KEY (series_id, sequence), 
	CONSTRAINT fk_audit_series_series_id FOREIGN KEY(series_id) REFERENCES series (id), 
	CONSTRAINT fk_audit_series_sequence FOREIGN KEY(sequence) REFERENCES audit (sequence)
)
 WITHOUT ROWID

;
INSERT INTO "audit_series" VALUES(1,1);
INSERT INTO "audit_series" VALUES(1,2);
INSERT INTO "audit_series" VALUES(1,4);
INSERT INTO "audit_series" VALUES(1,6);
INSERT INTO "audit_series" VALUES(2,3);
CREATE TABLE block_history (
	series_id INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	rows BIGINT DEFAULT '0' NOT NULL, 
	digest BLOB NOT NULL, 
	superseded_at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_block_history PRIMARY KEY (series_id, start, revision), 
	CONSTRAINT fk_block_history_series_id FOREIGN KEY(series_id) REFERENCES series (id)
)
 WITHOUT ROWID

;
CREATE TABLE blocks (
	series_id INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	rows BIGINT DEFAULT '0' NOT NULL, 
	digest BLOB NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_blocks PRIMARY KEY (series_id, start), 
	CONSTRAINT fk_blocks_series_id FOREIGN KEY(series_id) REFERENCES series (id)
)
 WITHOUT ROWID

;
INSERT INTO "blocks" VALUES(1,1104537600000000000,2,X'E24F157752D8DCD455FAC8BA014CCF9ACE424E329D3398712539558A41DD3096',1795622742826661594);
INSERT INTO "blocks" VALUES(2,1104537600000000000,20,X'C1FEC8CA8202DB2FEEED18A9F0B21F86CCC1DFD124F5F9E7DB90C359F25B009D',1795622742875099894);
CREATE TABLE clock (
	id BIGINT NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	time BIGINT DEFAULT '0' NOT NULL, 
	sequence BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_clock PRIMARY KEY (id)
);
INSERT INTO "clock" VALUES(1,1795622742875099894,1795622742961505591,6);
CREATE TABLE coverage (
	series_id INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	outcome TEXT NOT NULL, 
	"end" BIGINT DEFAULT '0' NOT NULL, 
	checked_at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_coverage PRIMARY KEY (series_id, start, outcome), 
	CONSTRAINT fk_coverage_series_id FOREIGN KEY(series_id) REFERENCES series (id)
)
 WITHOUT ROWID

;
INSERT INTO "coverage" VALUES(2,1104537600000000000,'fetched',1107216000000000000,1795622742903348253);
CREATE TABLE identity (
	name TEXT NOT NULL, 
	value TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_identity PRIMARY KEY (name)
);
INSERT INTO "identity" VALUES('ledger_id','6b866b27fb334b77808298f4fccdad5c');
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	snapshot_id TEXT NOT NULL, 
	measurement TEXT DEFAULT '' NOT NULL, 
	tags TEXT DEFAULT '' NOT NULL, 
	fields TEXT DEFAULT '' NOT NULL, 
	time BIGINT DEFAULT '0' NOT NULL, 
	tries BIGINT DEFAULT '0' NOT NULL, 
	error TEXT DEFAULT '' NOT NULL, 
	delivered_at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshots (id)
);
CREATE TABLE pins (
	snapshot_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	series_id INTEGER NOT NULL, 
	start BIGINT DEFAULT '0' NOT NULL, 
	"end" BIGINT DEFAULT '0' NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	rows BIGINT DEFAULT '0' NOT NULL, 
	digest BLOB, 
	CONSTRAINT pk_pins PRIMARY KEY (snapshot_id, position), 
	CONSTRAINT fk_pins_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshots (id), 
	CONSTRAINT fk_pins_series_id FOREIGN KEY(series_id) REFERENCES series (id)
)
 WITHOUT ROWID

;
INSERT INTO "pins" VALUES('kept',0,1,-9223372036854775806,9223372036854775806,1795622742826661594,2,X'287AB277F0082C56E37099E4AB98B92DF60C23A314AE41905424E53496840875');
CREATE TABLE priorities (
	pattern TEXT NOT NULL, 
	timeframe TEXT NOT NULL, 
	sources TEXT DEFAULT '' NOT NULL, 
	mode TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_priorities PRIMARY KEY (pattern, timeframe)
);
INSERT INTO "priorities" VALUES('*','*','["desk", "sample"]','strict');
CREATE TABLE quarantine (
	series_id INTEGER NOT NULL, 
	time BIGINT NOT NULL, 
	code TEXT NOT NULL, 
	values_digest BLOB NOT NULL, 
	"values" TEXT DEFAULT '' NOT NULL, 
	actor TEXT DEFAULT '' NOT NULL, 
	at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_quarantine PRIMARY KEY (series_id, time, code, values_digest), 
	CONSTRAINT fk_quarantine_series_id FOREIGN KEY(series_id) REFERENCES series (id)
)
 WITHOUT ROWID

;
INSERT INTO "quarantine" VALUES(1,1104883200000000000,'high-below-low',X'FF551EDA8D9CC93E0499F8B6294C8908913825E49C0161F2646B769C77AB1F9B','{"close": "10.0", "high": "1.0", "low": "9.0", "open": "10.0", "volume": "10.0"}','tester',1795622742961505591);
CREATE TABLE revision_series (
	series_id INTEGER NOT NULL, 
	revision BIGINT NOT NULL, 
	start BIGINT DEFAULT '0' NOT NULL, 
	"end" BIGINT DEFAULT '0' NOT NULL, 
	new BIGINT DEFAULT '0' NOT NULL, 
	changed BIGINT DEFAULT '0' NOT NULL, 
	withdrawn BIGINT DEFAULT '0' NOT NULL, 
	jitter BIGINT DEFAULT '0' NOT NULL, 
	repaired BOOLEAN NOT NULL, 
	CONSTRAINT pk_revision_series PRIMARY KEY (series_id, revision), 
	CONSTRAINT fk_revision_series_series_id FOREIGN KEY(series_id) REFERENCES series (id), 
	CONSTRAINT fk_revision_series_revision FOREIGN KEY(revision) REFERENCES revisions (revision)
)
 WITHOUT ROWID

;
INSERT INTO "revision_series" VALUES(1,1795622742811228198,1104710400000000000,1104883200000000000,2,0,0,0,1);
INSERT INTO "revision_series" VALUES(1,1795622742826661594,1104796800000000000,1104883200000000000,0,1,0,0,1);
INSERT INTO "revision_series" VALUES(2,1795622742875099894,1104710400000000000,1107216000000000000,20,0,0,0,1);
CREATE TABLE revisions (
	revision BIGINT NOT NULL, 
	state TEXT DEFAULT '' NOT NULL, 
	owner TEXT DEFAULT '' NOT NULL, 
	lease_until BIGINT DEFAULT '0' NOT NULL, 
	actor TEXT DEFAULT '' NOT NULL, 
	operation TEXT DEFAULT '' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	"trigger" TEXT DEFAULT '' NOT NULL, 
	begun_at BIGINT DEFAULT '0' NOT NULL, 
	committed_at BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_revisions PRIMARY KEY (revision)
);
INSERT INTO "revisions" VALUES(1795622742811228198,'committed','vm/15324/fbc87bab',0,'tester','write','first','',1795622742811228198,1795622742821410189);
INSERT INTO "revisions" VALUES(1795622742826661594,'committed','vm/15324/8230542c',0,'tester','write','typo','',1795622742826661594,1795622742832002326);
INSERT INTO "revisions" VALUES(1795622742875099894,'committed','vm/15324/7accb963',0,'tester','ingest','','',1795622742875099894,1795622742903348253);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	instrument TEXT DEFAULT '' NOT NULL, 
	timeframe TEXT DEFAULT '' NOT NULL, 
	source TEXT DEFAULT '' NOT NULL, 
	is_adjusted BOOLEAN NOT NULL, 
	revision BIGINT DEFAULT '0' NOT NULL, 
	allocated BIGINT DEFAULT '0' NOT NULL, 
	pending BIGINT DEFAULT '0' NOT NULL, 
	unrepaired BIGINT DEFAULT '0' NOT NULL, 
	epoch BIGINT DEFAULT '0' NOT NULL, 
	horizon BIGINT DEFAULT '0' NOT NULL, 
	gone TEXT DEFAULT '' NOT NULL, 
	edition_floor BIGINT DEFAULT '0' NOT NULL, 
	max_edition BIGINT DEFAULT '0' NOT NULL, 
	rows BIGINT DEFAULT '0' NOT NULL, 
	digest BLOB, 
	sealed BLOB, 
	newest_start BIGINT, 
	newest_rows BIGINT DEFAULT '0' NOT NULL, 
	newest_digest BLOB, 
	aborted BIGINT DEFAULT '0' NOT NULL, 
	pinned BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (id), 
	CONSTRAINT uq_series_instrument UNIQUE (instrument, timeframe, source, is_adjusted)
);
INSERT INTO "series" VALUES(1,'AAPL','1d','desk',0,1795622742826661594,1795622742826661594,0,0,0,0,'',0,2,2,X'287AB277F0082C56E37099E4AB98B92DF60C23A314AE41905424E53496840875',X'7F4D5B752642D3D99D344B3C6A6EA4F3DD5678E603957C9E4DB1F4FEFCABA843',1104537600000000000,2,X'E24F157752D8DCD455FAC8BA014CCF9ACE424E329D3398712539558A41DD3096',0,1795622742826661594);
INSERT INTO "series" VALUES(2,'AAPL','1d','sample',0,1795622742875099894,1795622742875099894,0,0,0,0,'',0,1,20,X'D49E63CCD7E7E2291320525CF86A9031D60ABC321B514937D6C4B73F2111E843',X'7F4D5B752642D3D99D344B3C6A6EA4F3DD5678E603957C9E4DB1F4FEFCABA843',1104537600000000000,20,X'C1FEC8CA8202DB2FEEED18A9F0B21F86CCC1DFD124F5F9E7DB90C359F25B009D',0,0);
CREATE TABLE snapshots (
	id TEXT NOT NULL, 
	kind TEXT DEFAULT '' NOT NULL, 
	state TEXT DEFAULT '' NOT NULL, 
	purpose TEXT DEFAULT '' NOT NULL, 
	strategy TEXT, 
	created_at BIGINT NOT NULL, 
	created_by TEXT DEFAULT '' NOT NULL, 
	data_hash TEXT DEFAULT '' NOT NULL, 
	materialised BOOLEAN NOT NULL, 
	held TEXT DEFAULT '' NOT NULL, 
	approved_at BIGINT DEFAULT '0' NOT NULL, 
	mirrored BOOLEAN NOT NULL, 
	CONSTRAINT pk_snapshots PRIMARY KEY (id)
);
INSERT INTO "snapshots" VALUES('kept','snapshot','complete','backtest','momentum-7',1795622742921188680,'tester','d3f2a74b449b05ffe73d8f94410465e95a5f52dfc50b278ed91e2cbf15cebff8',0,'',0,0);
CREATE TABLE symbols (
	source TEXT NOT NULL, 
	native TEXT NOT NULL, 
	start BIGINT NOT NULL, 
	"end" BIGINT DEFAULT '0' NOT NULL, 
	instrument TEXT NOT NULL, 
	CONSTRAINT pk_symbols PRIMARY KEY (source, native, start)
)
 WITHOUT ROWID

;
CREATE INDEX ix_revisions_open ON revisions (revision) WHERE state <> 'committed';
CREATE INDEX ix_symbols_instrument ON symbols (instrument);
CREATE INDEX ix_snapshots_created_at ON snapshots (created_at);
CREATE INDEX ix_snapshots_strategy ON snapshots (strategy);
CREATE INDEX ix_revision_series_revision ON revision_series (revision);
CREATE INDEX ix_revision_series_left ON revision_series (series_id) WHERE NOT repaired;
CREATE INDEX ix_pins_series_id ON pins (series_id);
CREATE INDEX ix_outbox_snapshot_id ON outbox (snapshot_id);
CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_series_refuses_update BEFORE UPDATE ON audit_series BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_series_refuses_delete BEFORE DELETE ON audit_series BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence) BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
COMMIT;
