// Package processing turns documents that sources emit into entities that are served. It holds the pipeline,
// which makes one document into an entity with its relations and children; the state, which is what is known
// in the database of every discovered entity; and the engine, which takes what is due, runs it through the
// pipeline, writes the results in batches, puts together what changed and sweeps up orphans. Any number of
// processes may run an engine on one database.
//
// What an entity is and which are valid is package entity's business; who may ask for what is package
// catalog's.
package processing
