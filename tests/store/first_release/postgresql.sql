CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.drift_snapshots (
    seq bigint NOT NULL,
    id character varying(36) NOT NULL,
    at bigint NOT NULL,
    task text NOT NULL,
    version text NOT NULL,
    first date,
    last date NOT NULL,
    payload text NOT NULL
);
CREATE SEQUENCE public.drift_snapshots_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.drift_snapshots_seq_seq OWNED BY public.drift_snapshots.seq;
CREATE TABLE public.feature_counts (
    task text NOT NULL,
    version text NOT NULL,
    day date NOT NULL,
    feature text NOT NULL,
    bin integer NOT NULL,
    count bigint NOT NULL
);
CREATE TABLE public.predictions (
    seq bigint NOT NULL,
    id character varying(36) NOT NULL,
    at bigint NOT NULL,
    task text NOT NULL,
    version text NOT NULL,
    source text NOT NULL,
    features text NOT NULL,
    prediction smallint NOT NULL,
    label text NOT NULL,
    probability double precision NOT NULL,
    threshold double precision NOT NULL,
    warnings text NOT NULL
);
CREATE SEQUENCE public.predictions_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.predictions_seq_seq OWNED BY public.predictions.seq;
ALTER TABLE ONLY public.drift_snapshots ALTER COLUMN seq SET DEFAULT nextval('public.drift_snapshots_seq_seq'::regclass);
ALTER TABLE ONLY public.predictions ALTER COLUMN seq SET DEFAULT nextval('public.predictions_seq_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.drift_snapshots VALUES (1, '018df900-0000-7000-8000-000000000000', 1709300000000000, 'current', '2024-0123456789', '2024-02-01', '2024-03-01', '{"n":4,"verdict":"insufficient_data"}');
INSERT INTO public.feature_counts VALUES ('current', '2024-0123456789', '2024-03-01', 'IAA', 3, 1);
INSERT INTO public.feature_counts VALUES ('current', '2024-0123456789', '2024-03-01', 'IAA', 7, 2);
INSERT INTO public.feature_counts VALUES ('current', '2024-0123456789', '2024-03-01', 'IAA', 10, 1);
INSERT INTO public.feature_counts VALUES ('current', '2024-0123456789', '2024-03-01', 'IEG', 0, 3);
INSERT INTO public.feature_counts VALUES ('current', '2024-0123456789', '2024-03-01', 'IEG', 1, 1);
INSERT INTO public.predictions VALUES (1, '018df000-0000-7000-8000-000000000000', 1709300000000000, 'current', '2024-0123456789', 'api', '{"IAA":7.5,"IEG":6.2,"IPS":8.0,"IAN":10.0}', 0, 'Aluno não possui risco de defasagem', 0.25, 0.5, '["missing_feature"]');
INSERT INTO public.predictions VALUES (2, '018df001-0000-7000-8000-000000000001', 1709300001000000, 'current', '2024-0123456789', 'api', '{"IAA":3.1,"IEG":null,"IPS":5.5,"IAN":5.0}', 1, 'Aluno possui risco de defasagem', 0.75, 0.5, '["missing_feature"]');
INSERT INTO public.predictions VALUES (3, '018df002-0000-7000-8000-000000000002', 1709300002000000, 'current', '2024-0123456789', 'api', '{"IAA":9.0,"IEG":8.8,"IPS":7.1,"IAN":10.0}', 0, 'Aluno não possui risco de defasagem', 0.25, 0.5, '["missing_feature"]');
INSERT INTO public.predictions VALUES (4, '018df003-0000-7000-8000-000000000003', 1709300003000000, 'next-year', '2024-0123456789', 'api', '{"IAA":5.0,"IEG":5.0,"IPS":5.0,"IAN":2.5}', 1, 'Aluno possui risco de defasagem', 0.75, 0.5, '["missing_feature"]');
INSERT INTO public.predictions VALUES (5, '018df004-0000-7000-8000-000000000004', 1709300004000000, 'current', '2024-0123456789', 'api', '{"IAA":null,"IEG":4.4,"IPS":6.6,"IAN":null}', 0, 'Aluno não possui risco de defasagem', 0.25, 0.5, '["missing_feature"]');
SELECT pg_catalog.setval('public.drift_snapshots_seq_seq', 1, true);
SELECT pg_catalog.setval('public.predictions_seq_seq', 5, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.drift_snapshots
    ADD CONSTRAINT drift_snapshots_id_key UNIQUE (id);
ALTER TABLE ONLY public.drift_snapshots
    ADD CONSTRAINT drift_snapshots_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.feature_counts
    ADD CONSTRAINT feature_counts_pkey PRIMARY KEY (task, version, day, feature, bin);
ALTER TABLE ONLY public.predictions
    ADD CONSTRAINT predictions_id_key UNIQUE (id);
ALTER TABLE ONLY public.predictions
    ADD CONSTRAINT predictions_pkey PRIMARY KEY (seq);
CREATE INDEX ix_drift_snapshots_task_seq ON public.drift_snapshots USING btree (task, seq);
CREATE INDEX ix_predictions_task_seq ON public.predictions USING btree (task, seq);
