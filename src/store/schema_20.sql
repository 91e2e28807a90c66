-- A case's whole record, open or closed (R15): its calls are found by the field that names it, its list by time.
CREATE INDEX call_fields_case ON call_fields (value) WHERE name = 'case';
CREATE INDEX cases_opened ON cases (opened);
