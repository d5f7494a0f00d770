BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE drift_snapshots (
	seq INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	at BIGINT NOT NULL, 
	task TEXT NOT NULL, 
	version TEXT NOT NULL, 
	first DATE, 
	last DATE NOT NULL, 
	payload TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "drift_snapshots" VALUES(1,'018df900-0000-7000-8000-000000000000',1709300000000000,'current','2024-0123456789','2024-02-01','2024-03-01','{"n":4,"verdict":"insufficient_data"}');
CREATE TABLE feature_counts (
	task TEXT NOT NULL, 
	version TEXT NOT NULL, 
	day DATE NOT NULL, 
	feature TEXT NOT NULL, 
	bin INTEGER NOT NULL, 
	count BIGINT NOT NULL, 
	PRIMARY KEY (task, version, day, feature, bin)
);
INSERT INTO "feature_counts" VALUES('current','2024-0123456789','2024-03-01','IAA',3,1);
INSERT INTO "feature_counts" VALUES('current','2024-0123456789','2024-03-01','IAA',7,2);
INSERT INTO "feature_counts" VALUES('current','2024-0123456789','2024-03-01','IAA',10,1);
INSERT INTO "feature_counts" VALUES('current','2024-0123456789','2024-03-01','IEG',0,3);
INSERT INTO "feature_counts" VALUES('current','2024-0123456789','2024-03-01','IEG',1,1);
CREATE TABLE predictions (
	seq INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	at BIGINT NOT NULL, 
	task TEXT NOT NULL, 
	version TEXT NOT NULL, 
	source TEXT NOT NULL, 
	features TEXT NOT NULL, 
	prediction SMALLINT NOT NULL, 
	label TEXT NOT NULL, 
	probability DOUBLE NOT NULL, 
	threshold DOUBLE NOT NULL, 
	warnings TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO "predictions" VALUES(1,'018df000-0000-7000-8000-000000000000',1709300000000000,'current','2024-0123456789','api','{"IAA":7.5,"IEG":6.2,"IPS":8.0,"IAN":10.0}',0,'Aluno não possui risco de defasagem',0.25,0.5,'["missing_feature"]');
INSERT INTO "predictions" VALUES(2,'018df001-0000-7000-8000-000000000001',1709300001000000,'current','2024-0123456789','api','{"IAA":3.1,"IEG":null,"IPS":5.5,"IAN":5.0}',1,'Aluno possui risco de defasagem',0.75,0.5,'["missing_feature"]');
INSERT INTO "predictions" VALUES(3,'018df002-0000-7000-8000-000000000002',1709300002000000,'current','2024-0123456789','api','{"IAA":9.0,"IEG":8.8,"IPS":7.1,"IAN":10.0}',0,'Aluno não possui risco de defasagem',0.25,0.5,'["missing_feature"]');
INSERT INTO "predictions" VALUES(4,'018df003-0000-7000-8000-000000000003',1709300003000000,'next-year','2024-0123456789','api','{"IAA":5.0,"IEG":5.0,"IPS":5.0,"IAN":2.5}',1,'Aluno possui risco de defasagem',0.75,0.5,'["missing_feature"]');
INSERT INTO "predictions" VALUES(5,'018df004-0000-7000-8000-000000000004',1709300004000000,'current','2024-0123456789','api','{"IAA":null,"IEG":4.4,"IPS":6.6,"IAN":null}',0,'Aluno não possui risco de defasagem',0.25,0.5,'["missing_feature"]');
CREATE INDEX ix_predictions_task_seq ON predictions (task, seq);
CREATE INDEX ix_drift_snapshots_task_seq ON drift_snapshots (task, seq);
COMMIT;
