-- :library is the path of the built module.
CREATE FUNCTION wall_throw(kind text) RETURNS text LANGUAGE c AS :'library', 'wall_throw';
CREATE FUNCTION wall_damage(document jsonb) RETURNS jsonb LANGUAGE c STRICT AS :'library', 'wall_damage';
CREATE TYPE wall;
CREATE FUNCTION wall_in(cstring) RETURNS wall LANGUAGE c STRICT IMMUTABLE AS :'library', 'wall_in';
CREATE FUNCTION wall_out(wall) RETURNS cstring LANGUAGE c STRICT STABLE AS :'library', 'wall_out';
CREATE TYPE wall (INPUT = wall_in, OUTPUT = wall_out, LIKE = text);
CREATE TABLE walls (id serial PRIMARY KEY, value wall);
CREATE TABLE documents (id serial PRIMARY KEY, document jsonb);
CREATE TABLE plain (id serial PRIMARY KEY, note text);
