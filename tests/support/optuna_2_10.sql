-- A study that Optuna 2.10.1 wrote into SQLite: ten trials, two of them pruned.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v2.6.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'old');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,5,1,0.5);
INSERT INTO "trial_intermediate_values" VALUES(2,10,1,0.5);
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'lr',4.43037524521826871909e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(2,2,'lr',1.3981961408994054985e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(3,3,'lr',6.43117205013199379898e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(4,4,'lr',4.31171005868549294531e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(5,5,'lr',1.8662266976517971357e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(6,6,'lr',8.66327976135456215289e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(7,7,'lr',2.05476251259113611158e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(8,8,'lr',4.73498930449947827425e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(9,9,'lr',7.78015557690142078861e-02,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
INSERT INTO "trial_params" VALUES(10,10,'lr',1.41359355517523140564e-03,'{"name": "LogUniformDistribution", "attributes": {"low": 0.0001, "high": 0.1}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,8.95569624754781745679e-01);
INSERT INTO "trial_values" VALUES(2,2,0,8.86018038591005918647e-01);
INSERT INTO "trial_values" VALUES(3,3,0,0.893568827949868);
INSERT INTO "trial_values" VALUES(4,4,0,8.95688289941314552677e-01);
INSERT INTO "trial_values" VALUES(5,5,0,0.5);
INSERT INTO "trial_values" VALUES(6,6,0,8.91336720238645408009e-01);
INSERT INTO "trial_values" VALUES(7,7,0,8.97945237487408842724e-01);
INSERT INTO "trial_values" VALUES(8,8,0,8.52650106955005204767e-01);
INSERT INTO "trial_values" VALUES(9,9,0,8.22198444230985758807e-01);
INSERT INTO "trial_values" VALUES(10,10,0,0.5);
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-28 10:10:33.856906','2026-11-28 10:10:33.942578');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-28 10:10:34.003455','2026-11-28 10:10:34.034413');
INSERT INTO "trials" VALUES(3,2,1,'COMPLETE','2026-11-28 10:10:34.067493','2026-11-28 10:10:34.106824');
INSERT INTO "trials" VALUES(4,3,1,'COMPLETE','2026-11-28 10:10:34.139352','2026-11-28 10:10:34.209799');
INSERT INTO "trials" VALUES(5,4,1,'PRUNED','2026-11-28 10:10:34.232237','2026-11-28 10:10:34.290596');
INSERT INTO "trials" VALUES(6,5,1,'COMPLETE','2026-11-28 10:10:34.307590','2026-11-28 10:10:34.354043');
INSERT INTO "trials" VALUES(7,6,1,'COMPLETE','2026-11-28 10:10:34.385001','2026-11-28 10:10:34.419659');
INSERT INTO "trials" VALUES(8,7,1,'COMPLETE','2026-11-28 10:10:34.447865','2026-11-28 10:10:34.634171');
INSERT INTO "trials" VALUES(9,8,1,'COMPLETE','2026-11-28 10:10:34.771381','2026-11-28 10:10:34.829780');
INSERT INTO "trials" VALUES(10,9,1,'PRUNED','2026-11-28 10:10:34.866582','2026-11-28 10:10:34.914026');
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'2.10.1');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
COMMIT;
